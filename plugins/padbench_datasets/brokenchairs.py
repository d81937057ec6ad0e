"""BrokenChairs-180K (Bhunia et al., Looking 3D: Anomaly Detection with 2D-3D Alignment, CVPR 2024) and its layout.

images/<folder>/render_<shape>_<texture>_<radius>_<azimuth>_<elevation>_<light>_{normal|anomaly_<defect>_<part>}.png
annotations/<folder>/info_<the same>.json, mask_{new,old}_<the same>.png
shapes/shape_<shape>/mv_images/<shape>_<radius>_<azimuth>_<elevation>.{png,json,npy}
shapes/shape_<shape>/model.obj                 optional
split.json                                     train, val, test: shape ids
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from padbench.data_root import dataset_folder
from padbench.errors import MissingData, UserError, nearest
from padbench.scene import Camera, GroundTruth, LabelledImage, MaskSource, Matrix, Query, Scene, Task
from padbench_datasets.chair_annotations import SPLITS, Annotation, read_annotation, read_split
from padbench_datasets.chair_index import ChairIndex, chair_index
from padbench_datasets.chair_names import QueryName, parse_query
from padbench_datasets.chair_shapes import ReferenceViews
from padbench_datasets.correspondences import read_correspondences
from padbench_datasets.files import RESTORE, list_folder, read_bytes
from padbench_datasets.images import common_size, load_image, load_mask, no_defect, scaled_size
from padbench_datasets.intrinsics import Size
from padbench_datasets.lazy import LazySequence
from padbench_datasets.poses import opencv_world_to_camera

_TASK = "chair"
_MEMBERS = ("images", "annotations", "shapes", "split.json")
_USED = ("train", "test")
# Of a missing part only the place where it was can be seen.
_OLD_MASK = ("missing", "damaged")
_HASHED_WHOLE = 2 << 30


class BrokenChairsDataset:
    """One task: fitted on the training shapes with their labels, tested on shapes never seen.

    root: the folder with split.json, or a data root that has it as subfolder; None for the default data root.
    image_size: longer side in px of queries and reference views, None for the size on disk. Raises UserError where a
    part of the layout is missing. Implements `interfaces.Dataset`.
    """

    name = "brokenchairs"
    references: ClassVar[tuple[str, ...]] = ("mesh", "images")
    """See `padbench.interfaces.ServesReferences`."""
    remedy: ClassVar[str | None] = None
    """What a person does whose data set is missing, where that is not to download it."""

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        if image_size is not None and image_size < 1:
            raise UserError(f"image size {image_size}: give the longer side in pixels, at least 1")
        self._root = dataset_folder(self.name, root)
        self._image_size = image_size
        for member in _MEMBERS:
            if not (self._root / member).exists():
                absent = f"{self._root / member} is missing, which {self.name} consists of"
                raise UserError(f"{absent}: {self.remedy}") if self.remedy else MissingData(absent)

    @property
    def root(self) -> Path:
        """The folder that holds split.json."""
        return self._root

    def classes(self) -> Sequence[str]:
        """The one task."""
        return (_TASK,)

    def task(self, name: str) -> Task:
        """The training shapes with labels and views, and the test shapes; images and annotations are read lazily."""
        self._require(name)
        training = self._shapes("train")
        return Task(
            name,
            LazySequence(len(training), lambda index: self._training_scene(training[index])),
            tuple(self._test_scene(shape) for shape in self._shapes("test")),
        )

    def ground_truth(self, name: str) -> Sequence[GroundTruth]:
        """Defect, box, mask (where there is one) and pose of each test query.

        The pose of a normal query is known where the reference views are where their names say they are.
        """
        self._require(name)
        return tuple(
            self._truth(image, views)
            for shape in self._shapes("test")
            for views in (self._views(shape),)
            for image in self._index.images[shape]
        )

    def data_hash(self, name: str) -> str:
        """A sha256 over the names and contents of the task's files; over names and sizes where they exceed 2 GiB."""
        self._require(name)
        return self._hash

    def check(self) -> Sequence[str]:
        """Validate the splits and every image, annotation, camera and file of correspondences."""
        faults = [
            f"{self._root / 'images' / stray} has a name that says no shape, pose and defect: rename or remove it"
            for stray in self._index.stray
        ]
        try:
            split = self._split
        except UserError as error:
            return [*faults, str(error)]
        for name in SPLITS:
            if not split[name] and name in _USED:
                faults.append(self._no_shape(name))
            for shape in split[name]:
                absent = self._absent(shape, name)
                faults += self._faults(shape) if absent is None else [absent]
        return faults

    def _require(self, name: str) -> None:
        if name != _TASK:
            raise UserError(f"{self.name} has no class {name!r}: {nearest(name, [_TASK])}")

    @cached_property
    def _index(self) -> ChairIndex:
        return chair_index(self._root)

    @cached_property
    def _split(self) -> dict[str, Sequence[str]]:
        return read_split(self._root / "split.json")

    def _shapes(self, split: str) -> Sequence[str]:
        """The shapes of a split that is used, all of which have query images and a folder of reference views."""
        if not (shapes := self._split[split]):
            raise UserError(self._no_shape(split))
        if absent := next((absent for shape in shapes if (absent := self._absent(shape, split))), None):
            raise UserError(absent)
        return shapes

    def _no_shape(self, split: str) -> str:
        return f"{self._root / 'split.json'} lists no shape under {split}: {RESTORE}"

    def _absent(self, shape: str, split: str) -> str | None:
        """What of a shape is not there, in a sentence."""
        if shape not in self._index.images:
            return (
                f"{self._root / 'images'} has no image of shape {shape!r}, which split.json lists under {split}: "
                f"{RESTORE}, or remove it from split.json"
            )
        if not (folder := self._shape_folder(shape) / "mv_images").is_dir():
            return f"{folder} is missing: shape {shape!r} has no reference views, {RESTORE}"
        return None

    def _shape_folder(self, shape: str) -> Path:
        return self._root / "shapes" / f"shape_{shape}"

    @cached_property
    def _stored(self) -> Size:
        """The size of all query images, which each is held to when it is loaded."""
        return common_size(self._root / "images" / first for first, *_ in self._index.images.values())

    @property
    def _size(self) -> Size:
        return scaled_size(self._stored, self._image_size)

    def _views(self, shape: str) -> ReferenceViews:
        return ReferenceViews(self._shape_folder(shape) / "mv_images", self._image_size)

    def _test_scene(self, shape: str) -> Scene:
        queries = tuple(Query(_name(image).rest, self._source(image)) for image in self._index.images[shape])
        return Scene(shape, self._views(shape).sequence(), queries, self._mesh(shape))

    def _training_scene(self, shape: str) -> Scene:
        images, views = self._index.images[shape], self._views(shape)
        labelled = LazySequence(len(images), lambda index: self._labelled(images[index], views))
        return Scene(shape, views.sequence(), (), self._mesh(shape), labelled)

    def _mesh(self, shape: str) -> Path | None:
        mesh = self._shape_folder(shape) / "model.obj"
        return mesh if mesh.is_file() else None

    def _source(self, image: str) -> partial[np.ndarray]:
        return partial(load_image, self._root / "images" / image, self._stored, self._size)

    def _labelled(self, image: str, views: ReferenceViews) -> LabelledImage:
        name, annotation = _name(image), self._annotation(image)
        pose = self._camera_to_world(name, annotation, views)
        box = None
        if annotation is not None:
            scale = self._size[0] / self._stored[0], self._size[1] / self._stored[1]
            x, y, width, height = annotation.box
            box = (x * scale[0], y * scale[1], width * scale[0], height * scale[1])
        camera = None
        if pose is not None:
            camera = Camera(views.intrinsics(self._size), opencv_world_to_camera(pose), *self._size)
        return LabelledImage(name.rest, self._source(image), name.defect, box, camera)

    def _truth(self, image: str, views: ReferenceViews) -> GroundTruth:
        name, annotation = _name(image), self._annotation(image)
        pose = self._camera_to_world(name, annotation, views)
        return GroundTruth(
            name.rest,
            name.defect,
            self._mask(image, name),
            None if annotation is None else annotation.box,
            None if pose is None else opencv_world_to_camera(pose),
        )

    def _annotation(self, image: str) -> Annotation | None:
        if _name(image).defect is None:
            return None
        return read_annotation(self._annotated(image, "info", ".json"), self._stored)

    def _camera_to_world(self, name: QueryName, annotation: Annotation | None, views: ReferenceViews) -> Matrix | None:
        if annotation is not None:
            return annotation.camera_to_world
        return None if views.target is None else name.orbit.camera_to_world(views.target)

    def _mask(self, image: str, name: QueryName) -> MaskSource | None:
        if name.defect is None:
            return partial(no_defect, self._stored)
        mask = self._annotated(image, "mask_old" if name.defect in _OLD_MASK else "mask_new", ".png")
        return partial(load_mask, mask, self._stored) if mask.is_file() else None

    def _annotated(self, image: str, prefix: str, suffix: str) -> Path:
        folder, _, _ = image.partition("/")
        return self._root / "annotations" / folder / f"{prefix}_{_name(image).rest}{suffix}"

    @cached_property
    def _hash(self) -> str:
        files = sorted(self._files())
        sizes = [path.stat().st_size for path in files]
        whole = sum(sizes) <= _HASHED_WHOLE
        digest = hashlib.sha256()
        for path, size in zip(files, sizes, strict=True):
            digest.update(path.relative_to(self._root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(read_bytes(path)).digest() if whole else str(size).encode() + b"\0")
        return digest.hexdigest()

    def _files(self) -> Iterator[Path]:
        yield self._root / "split.json"
        for split in _USED:
            for shape in self._shapes(split):
                images = self._index.images[shape]
                yield from (self._root / "images" / image for image in images)
                for folder in sorted({image.partition("/")[0] for image in images}):
                    if (annotations := self._root / "annotations" / folder).is_dir():
                        yield from (path for path in list_folder(annotations) if path.is_file())
                yield from (path for path in list_folder(self._shape_folder(shape) / "mv_images") if path.is_file())
                if (mesh := self._mesh(shape)) is not None:
                    yield mesh

    def _faults(self, shape: str) -> Iterator[str]:
        views = self._views(shape)
        yield from views.faults()
        for path in sorted(views.folder.glob("*.npy")):
            try:
                read_correspondences(path)
            except UserError as error:
                yield str(error)
        for image in self._index.images[shape]:
            try:
                self._source(image)()
                truth = self._truth(image, views)
                if truth.load_mask is not None:
                    truth.load_mask()
            except UserError as error:
                yield str(error)


def _name(image: str) -> QueryName:
    name = parse_query(Path(image).stem)
    assert name is not None  # the index holds no others
    return name
