"""One class folder in the MAD layout: what it holds, and every structural fault, without decoding pixels.

<class>/train/good/N.png                    posed normal views
<class>/transforms.json                     camera_angle_x, frames: file_path, transform_matrix
<class>/test/good/N.png, test/<defect>/N.png
<class>/ground_truth/<defect>/N_mask.png
<class>/test_poses.json                     optional: frames: "<type>/N.png" -> transform_matrix
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np

from padbench.errors import UserError
from padbench.scene import Matrix
from padbench_datasets.files import RESTORE, list_folder, natural_order, unreadable
from padbench_datasets.images import Size, read_size
from padbench_datasets.poses import pose_fault, read_json_object

MEMBERS = ("train", "test", "ground_truth", "transforms.json")
"""A folder that holds one of these is a class folder."""

_OTHER_IMAGES = (".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


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

    train: path and camera-to-world pose (OpenGL axes) of each view. size: of all images on disk. readable: images and
    masks whose header could be read.
    """

    path: Path
    size: Size = (0, 0)
    camera_angle_x: float = math.nan
    train: list[tuple[Path, Matrix]] = field(default_factory=list)
    test: list[TestImage] = field(default_factory=list)
    readable: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_class(folder: Path) -> ClassFolder:
    """Read a class folder and collect every structural fault as one sentence; decodes nothing."""
    found = ClassFolder(folder)
    try:
        _read(found)
    except OSError as error:
        # Even to ask what a path is takes permission to search its folder.
        found.faults.append(str(unreadable(Path(error.filename or folder), error)))
    return found


def _read(found: ClassFolder) -> None:
    folder = found.path
    train = _images(folder / "train" / "good", found)
    tests = {kind.name: _images(kind, found) for kind in _test_folders(folder / "test", found)}
    masks = _masks(folder / "ground_truth", tests, found)
    _read_sizes(train, tests, masks, found)
    found.train = _read_frames(folder / "transforms.json", train, found)
    poses = _read_test_poses(folder / "test_poses.json", tests, found)
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


def _images(folder: Path, found: ClassFolder) -> list[Path]:
    """The PNG images of a folder that must hold some."""
    faults = len(found.faults)
    entries = _entries(folder, found)
    images = [path for path in entries if path.suffix.lower() == ".png"]
    if not images and len(found.faults) == faults:
        found.faults.append(f"{folder} holds no PNG image: {RESTORE}")
    found.faults += [
        f"{path} is not a PNG file: convert it to PNG or remove it"
        for path in entries
        if path.suffix.lower() in _OTHER_IMAGES
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


def _masks(folder: Path, tests: dict[str, list[Path]], found: ClassFolder) -> dict[Path, Path]:
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
        expected = {image: folder / kind / f"{image.stem}_mask.png" for image in images}
        if kind != "good":
            masks |= {image: mask for image, mask in expected.items() if mask in present}
            found.faults += [
                f"{mask} is missing: test/{kind}/{image.name} needs a mask, {RESTORE}"
                for image, mask in expected.items()
                if mask not in present
            ]
        present -= set(expected.values())
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


def _read_frames(path: Path, images: list[Path], found: ClassFolder) -> list[tuple[Path, Matrix]]:
    try:
        content = read_json_object(path)
    except UserError as error:
        found.faults.append(str(error))
        return []
    angle = content.get("camera_angle_x")
    if isinstance(angle, (int, float)) and not isinstance(angle, bool) and 0 < angle < math.pi:
        found.camera_angle_x = float(angle)
    else:
        found.faults.append(
            f"{path} has no 'camera_angle_x': {RESTORE}"
            if "camera_angle_x" not in content
            else f"{path}: camera_angle_x is {angle!r}, it must be an angle in radians between 0 and pi"
        )
    frames = content.get("frames")
    if not isinstance(frames, list) or not frames:
        found.faults.append(f"{path} has no list of 'frames': {RESTORE}")
        return []
    if not images:
        return []
    known = {_relative(path.parent, image): image for image in images}
    matrices: dict[Path, Matrix | None] = {}
    for index, frame in enumerate(frames):
        name = frame.get("file_path") if isinstance(frame, dict) else None
        if not isinstance(name, str):
            found.faults.append(f"{path}: frame {index} has no 'file_path': {RESTORE}")
            continue
        image = known.get(Path(name).as_posix())
        if image is None:
            found.faults.append(f"{path}: frame {index} names {name!r}, which is not in train/good: {RESTORE}")
            continue
        if image in matrices:
            found.faults.append(f"{path}: frame {index} repeats {name!r}: remove one of the two frames")
            continue
        matrices[image] = _read_matrix(frame, f"{path}: frame {index} ({name})", found)
    found.faults += [
        f"{image} has no frame in {path.name}: add its pose or remove the image"
        for image in images
        if image not in matrices
    ]
    return [(image, matrix) for image in images if (matrix := matrices.get(image)) is not None]


def _read_test_poses(path: Path, tests: dict[str, list[Path]], found: ClassFolder) -> dict[Path, Matrix]:
    if not path.exists():
        return {}
    try:
        frames = read_json_object(path).get("frames")
    except UserError as error:
        found.faults.append(str(error))
        return {}
    if not isinstance(frames, dict):
        found.faults.append(f"{path} has no 'frames' by image name: restore or remove it")
        return {}
    if not any(tests.values()):
        return {}
    known = {f"{kind}/{image.name}": image for kind, images in tests.items() for image in images}
    poses: dict[Path, Matrix] = {}
    for name, frame in frames.items():
        matrix = _read_matrix(frame, f"{path}: frame {name!r}", found)
        if name not in known:
            found.faults.append(f"{path}: frame {name!r} belongs to no test image: restore the image or {path.name}")
        elif matrix is not None:
            poses[known[name]] = matrix
    found.faults += [
        f"{image} has no pose in {path.name}: restore or remove {path.name}"
        for name, image in known.items()
        if name not in frames
    ]
    return poses


def _read_matrix(frame: object, where: str, found: ClassFolder) -> Matrix | None:
    if not isinstance(frame, dict) or "transform_matrix" not in frame:
        found.faults.append(f"{where} has no 'transform_matrix': {RESTORE}")
        return None
    fault = pose_fault(frame["transform_matrix"])
    if fault is not None:
        found.faults.append(f"{where} has a transform_matrix that {fault}: give a camera-to-world pose, OpenGL axes")
        return None
    return np.array(frame["transform_matrix"], dtype=np.float64)


def _interleave(tests: dict[str, list[Path]]) -> Iterator[tuple[str, Path]]:
    """Round-robin over the types, normal images first, so that the first queries show every type."""
    for round_ in zip_longest(*([(kind, path) for path in paths] for kind, paths in tests.items())):
        yield from (entry for entry in round_ if entry is not None)


def _require_unique_ids(found: ClassFolder) -> None:
    seen: dict[str, Path] = {}
    for test in found.test:
        other = seen.setdefault(test.id.casefold(), test.path)
        if other is not test.path:
            found.faults.append(f"{test.path} has the same id {test.id!r} as {other}: rename one of the two")


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
