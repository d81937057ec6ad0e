"""Read the poses of a class folder: `transforms.json` of its views and, where known, `test_poses.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from padbench.errors import UserError
from padbench.scene import Matrix
from padbench_datasets.files import RESTORE
from padbench_datasets.intrinsics import Intrinsics, Size, read_intrinsics
from padbench_datasets.poses import pose_fault, read_json_object

_OF_THE_CAMERA = ("camera_angle_x", "fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "k3", "k4", "p1", "p2")


def read_transforms(
    path: Path, images: Sequence[Path], stored: Size, colmap: bool, faults: list[str]
) -> tuple[Intrinsics | None, list[tuple[Path, Matrix]]]:
    """The camera of a class and the camera-to-world pose (OpenGL axes) of its views, in the images' order.

    images: the views on disk, of size `stored`, (0, 0) where none could be read. colmap: the poses were estimated, so
    that images may lack one (they are left out) and `file_path` may name a folder of the machine where that was done
    (the file name counts). What is wrong is added to `faults`.
    """
    if colmap and not path.exists():
        faults.append(
            f"{path} is missing: {RESTORE} or estimate the poses of train/good with COLMAP and export them there"
        )
        return None, []
    try:
        content = read_json_object(path)
    except UserError as error:
        faults.append(str(error))
        return None, []
    intrinsics = None
    if min(stored) > 0:
        try:
            intrinsics = read_intrinsics(content, path, stored)
        except UserError as error:
            faults.append(str(error))
    frames = content.get("frames")
    if not isinstance(frames, list) or not frames:
        faults.append(f"{path} has no list of 'frames': {RESTORE}")
        return intrinsics, []
    if not images:
        return intrinsics, []
    by_path, by_name = _views_by_name(path.parent, images, colmap)
    matrices: dict[Path, Matrix | None] = {}
    for index, frame in enumerate(frames):
        where = f"{path}: frame {index}"
        name = frame.get("file_path") if isinstance(frame, dict) else None
        if not isinstance(name, str):
            faults.append(f"{where} has no 'file_path': {RESTORE}")
            continue
        image = _view(name, path.parent, by_path, by_name)
        if image is None:
            faults.append(f"{where} names {name!r}, which is not in train/good: {RESTORE}")
            continue
        if image in matrices:
            faults.append(f"{where} repeats {name!r}: remove one of the two frames")
            continue
        if own := [key for key in _OF_THE_CAMERA if key in frame and frame[key] != content.get(key)]:
            faults.append(f"{where} ({name}) has its own {own[0]!r}: all images of a class must have one camera")
        matrices[image] = _read_matrix(frame, f"{where} ({name})", faults)
    if not colmap:
        faults += [
            f"{image} has no frame in {path.name}: add its pose or remove the image"
            for image in images
            if image not in matrices
        ]
    return intrinsics, [(image, matrix) for image in images if (matrix := matrices.get(image)) is not None]


def read_test_poses(path: Path, tests: Mapping[str, Sequence[Path]], faults: list[str]) -> dict[Path, Matrix]:
    """The true camera-to-world pose (OpenGL axes) of every test image; empty where there is no such file.

    tests: the images by type. What is wrong is added to `faults`.
    """
    if not path.exists():
        return {}
    try:
        frames = read_json_object(path).get("frames")
    except UserError as error:
        faults.append(str(error))
        return {}
    if not isinstance(frames, dict):
        faults.append(f"{path} has no 'frames' by image name: restore or remove it")
        return {}
    if not any(tests.values()):
        return {}
    known = {f"{kind}/{image.name}": image for kind, images in tests.items() for image in images}
    poses: dict[Path, Matrix] = {}
    for name, frame in frames.items():
        matrix = _read_matrix(frame, f"{path}: frame {name!r}", faults)
        if name not in known:
            faults.append(f"{path}: frame {name!r} belongs to no test image: restore the image or {path.name}")
        elif matrix is not None:
            poses[known[name]] = matrix
    faults += [
        f"{image} has no pose in {path.name}: restore or remove {path.name}"
        for name, image in known.items()
        if name not in frames
    ]
    return poses


def _views_by_name(folder: Path, images: Sequence[Path], colmap: bool) -> tuple[dict[str, Path], dict[str, Path]]:
    """The views by what a `file_path` may call them: the path from the class folder, and the bare name."""
    paths = {image.relative_to(folder).as_posix(): image for image in images}
    if not colmap:
        return paths, {}
    paths |= {image.relative_to(folder).with_suffix("").as_posix(): image for image in images}
    return paths, {name: image for image in images for name in (image.name, image.stem)}


def _view(name: str, folder: Path, by_path: Mapping[str, Path], by_name: Mapping[str, Path]) -> Path | None:
    """The view that a `file_path` names; by its bare name only where its folder is none of this class."""
    path = PurePosixPath(name.replace("\\", "/") if by_name else name)
    if path.as_posix() in by_path:
        return by_path[path.as_posix()]
    elsewhere = path.is_absolute() or ".." in path.parts or len(path.parts) < 2
    if not elsewhere and (folder / path.parent).is_dir():
        return None  # another image of this class, such as test/good/0.png
    return by_name.get(path.name)


def _read_matrix(frame: Any, where: str, faults: list[str]) -> Matrix | None:
    if not isinstance(frame, dict) or "transform_matrix" not in frame:
        faults.append(f"{where} has no 'transform_matrix': {RESTORE}")
        return None
    fault = pose_fault(frame["transform_matrix"])
    if fault is not None:
        faults.append(f"{where} has a transform_matrix that {fault}: give a camera-to-world pose, OpenGL axes")
        return None
    return np.array(frame["transform_matrix"], dtype=np.float64)
