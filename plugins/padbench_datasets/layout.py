"""One class folder in the layout of MAD and RAD: what it holds, and every structural fault, without decoding pixels.

<class>/train/good/N.png                    posed normal views
<class>/transforms.json                     camera_angle_x or fl_x ..., frames: file_path, transform_matrix
<class>/test/good/N.png, test/<defect>/N.png
<class>/ground_truth/<defect>/N_mask.png
<class>/test_poses.json                     optional: frames: "<type>/N.png" -> transform_matrix
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from padbench.errors import UserError
from padbench.scene import Matrix
from padbench_datasets.files import RESTORE, list_folder, natural_order, unreadable
from padbench_datasets.images import read_size
from padbench_datasets.intrinsics import Intrinsics, Size
from padbench_datasets.transforms import read_test_poses, read_transforms

MEMBERS = ("train", "test", "ground_truth", "transforms.json")
"""A folder that holds one of these is a class folder."""

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Conventions:
    """In what the releases of the layout differ.

    images: suffixes of the images that are read; others are a fault. masks: how the mask of image N may end after N.
    masks_required: whether there is no release without masks. colmap: whether the poses were estimated by COLMAP (see
    `read_transforms`).
    """

    images: tuple[str, ...]
    masks: tuple[str, ...]
    masks_required: bool
    colmap: bool

    @property
    def formats(self) -> str:
        """The formats of the images, for a person to read."""
        return " or ".join(suffix[1:].upper() for suffix in self.images)


@dataclass(frozen=True)
class TestImage:
    """A test image, its mask (None for a normal one) and its true camera-to-world pose (OpenGL axes) where known."""

    id: str
    path: Path
    defect: str | None
    mask: Path | None
    camera_to_world: Matrix | None


@dataclass
class ClassFolder:
    """What `read_class` found. Complete only if `faults` is empty.

    train: path and camera-to-world pose (OpenGL axes) of each view. size: of all images on disk. intrinsics: of the
    camera that took them. masked: whether defects have masks. readable: images and masks whose header could be read.
    """

    path: Path
    masked: bool
    size: Size = (0, 0)
    intrinsics: Intrinsics | None = None
    train: list[tuple[Path, Matrix]] = field(default_factory=list)
    test: list[TestImage] = field(default_factory=list)
    readable: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def camera(self) -> Intrinsics:
        """The intrinsics, which a folder without faults has."""
        assert self.intrinsics is not None
        return self.intrinsics


def has_masks(folder: Path) -> bool:
    """Whether a class folder holds anything where the masks belong."""
    return any((folder / "ground_truth").glob("*/*"))


def read_class(folder: Path, conventions: Conventions, masked: bool) -> ClassFolder:
    """Read a class folder and collect every structural fault as one sentence; decodes nothing.

    masked: whether the release has masks, so that a missing one is a fault.
    """
    found = ClassFolder(folder, masked)
    try:
        _read(found, conventions)
    except OSError as error:
        # Even to ask what a path is takes permission to search its folder.
        found.faults.append(str(unreadable(Path(error.filename or folder), error)))
    return found


def _read(found: ClassFolder, conventions: Conventions) -> None:
    folder = found.path
    train = _images(folder / "train" / "good", conventions, found)
    tests = {kind.name: _images(kind, conventions, found) for kind in _test_folders(folder / "test", found)}
    masks = _masks(folder / "ground_truth", tests, conventions, found) if found.masked else {}
    _read_sizes(train, tests, masks, found)
    found.intrinsics, found.train = read_transforms(
        folder / "transforms.json", train, found.size, conventions.colmap, found.faults
    )
    poses = read_test_poses(folder / "test_poses.json", tests, found.faults)
    for kind, path in _interleave(tests):
        defect = None if kind == "good" else kind
        found.test.append(TestImage(f"{kind}_{path.stem}", path, defect, masks.get(path), poses.get(path)))
    _require_unique_ids(found)


def _entries(folder: Path, found: ClassFolder) -> list[Path]:
    try:
        return list_folder(folder)
    except UserError as error:
        found.faults.append(str(error))
        return []


def _images(folder: Path, conventions: Conventions, found: ClassFolder) -> list[Path]:
    """The images of a folder that must hold some."""
    faults = len(found.faults)
    entries = _entries(folder, found)
    images = [path for path in entries if path.suffix.lower() in conventions.images]
    if not images and len(found.faults) == faults:
        found.faults.append(f"{folder} holds no {conventions.formats} image: {RESTORE}")
    found.faults += [
        f"{path} is not a {conventions.formats} file: convert it to PNG or remove it"
        for path in entries
        if path.suffix.lower() in set(_IMAGES) - set(conventions.images)
    ]
    return images


def _test_folders(folder: Path, found: ClassFolder) -> list[Path]:
    """The folder of normal test images, then one for each defect type."""
    faults = len(found.faults)
    kinds = [path for path in _entries(folder, found) if path.is_dir() and path.name != "good"]
    if len(found.faults) > faults:
        return []
    if not kinds:
        found.faults.append(f"{folder} holds no folder of a defect type beside good: {RESTORE}")
    return [folder / "good", *kinds]


def _masks(
    folder: Path, tests: dict[str, list[Path]], conventions: Conventions, found: ClassFolder
) -> dict[Path, Path]:
    """Image -> mask; a fault for each defect image without a mask and each mask without an image."""
    if not any(tests[kind] for kind in tests if kind != "good"):
        return {}
    if not folder.is_dir():
        found.faults.append(f"{folder} is missing: it holds the masks, {RESTORE}")
        return {}
    masks: dict[Path, Path] = {}
    present = {
        mask
        for kind in _entries(folder, found)
        if kind.is_dir()
        for mask in _entries(kind, found)
        if mask.suffix.lower() == ".png"
    }
    for kind, images in tests.items():
        for image in images:
            names = [folder / kind / f"{image.stem}{ending}" for ending in conventions.masks]
            mask = next((name for name in names if name in present), None)
            present -= set(names)
            if kind != "good" and mask is None:
                found.faults.append(f"{names[0]} is missing: test/{kind}/{image.name} needs a mask, {RESTORE}")
            elif kind != "good" and mask is not None:
                masks[image] = mask
    found.faults += [
        f"{mask} belongs to no image of test/{mask.parent.name}: restore the image or remove the mask"
        for mask in sorted(present, key=natural_order)
    ]
    return masks


def _read_sizes(train: list[Path], tests: dict[str, list[Path]], masks: dict[Path, Path], found: ClassFolder) -> None:
    sizes: dict[Path, Size] = {}
    images = [*train, *(path for paths in tests.values() for path in paths)]
    for path in (*images, *masks.values()):
        try:
            sizes[path] = read_size(path)
        except UserError as error:
            found.faults.append(str(error))
    found.readable = list(sizes)
    counts = Counter(sizes[path] for path in images if path in sizes)
    if not counts:
        return
    # The commonest size is the class's, so that the odd images are named and not the others.
    found.size = counts.most_common(1)[0][0]
    found.faults += [
        f"{path} is {sizes[path][0]}x{sizes[path][1]}, the other images of {found.path.name} are "
        f"{found.size[0]}x{found.size[1]}: {RESTORE}"
        for path in images
        if path in sizes and sizes[path] != found.size
    ]
    found.faults += [
        f"{mask} is {sizes[mask][0]}x{sizes[mask][1]}, its image {image.parent.name}/{image.name} is "
        f"{sizes[image][0]}x{sizes[image][1]}: restore the mask from the release"
        for image, mask in masks.items()
        if image in sizes and mask in sizes and sizes[mask] != sizes[image]
    ]


def _interleave(tests: dict[str, list[Path]]) -> Iterator[tuple[str, Path]]:
    """Round-robin over the types, normal images first, so that the first queries show every type."""
    for round_ in zip_longest(*([(kind, path) for path in paths] for kind, paths in tests.items())):
        yield from (entry for entry in round_ if entry is not None)


def _require_unique_ids(found: ClassFolder) -> None:
    named = [(test.id, test.path) for test in found.test], [(path.stem, path) for path, _ in found.train]
    for images in named:
        seen: dict[str, Path] = {}
        for id_, path in images:
            other = seen.setdefault(id_.casefold(), path)
            if other is not path:
                found.faults.append(f"{path} has the same id {id_!r} as {other}: rename one of the two")
