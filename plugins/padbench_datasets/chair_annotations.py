"""What BrokenChairs says of its images: splits, boxes, masks and cameras, each checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from padbench.errors import UserError
from padbench.scene import Matrix
from padbench_datasets.files import RESTORE
from padbench_datasets.intrinsics import Size
from padbench_datasets.poses import pose_fault, read_json_object

SPLITS = ("train", "val", "test")

_LARGEST = 1e9

Box = tuple[float, float, float, float]

_PUBLISHED_SIZE = (512, 512)
"""What the boxes of the release refer to; a copy of another size states `image_size`."""


@dataclass(frozen=True)
class Annotation:
    """Of an anomalous image. box: x, y, width, height in pixels of the stored image. camera_to_world: OpenGL axes."""

    box: Box
    camera_to_world: Matrix | None


@dataclass(frozen=True)
class ReferenceCamera:
    """Of a reference view. K: (3, 3) in pixels of the stored view. camera_to_world: (4, 4), OpenGL axes."""

    K: Matrix
    camera_to_world: Matrix


def read_split(path: Path) -> dict[str, Sequence[str]]:
    """The shape ids of train, val and test; raises UserError where the file is damaged or two of them overlap."""
    content = read_json_object(path)
    split: dict[str, Sequence[str]] = {}
    owners: dict[str, str] = {}
    for name in SPLITS:
        ids = content.get(name, [] if name == "val" else None)
        if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
            raise UserError(f"{path}: {name!r} is no list of shape ids in quotes: {RESTORE}")
        for id_ in ids:
            if (owner := owners.setdefault(id_, name)) != name:
                raise UserError(f"{path} lists shape {id_!r} under {owner} and {name}: remove it from one of them")
        if len(set(ids)) < len(ids):
            twice = next(id_ for id_ in ids if ids.count(id_) > 1)
            raise UserError(f"{path} lists shape {twice!r} twice under {name}: remove one of the two")
        split[name] = ids
    return split


def read_annotation(path: Path, stored: Size) -> Annotation:
    """Read `info_*.json` of an image of size `stored`; raises UserError for a missing file or a box outside."""
    content = read_json_object(path)
    size = content.get("image_size", _PUBLISHED_SIZE)
    if not _numbers(size, 2) or min(size) <= 0:
        raise UserError(f"{path}: image_size {size!r} is not a width and a height: {RESTORE}")
    box = content.get("2d_bbox")
    if not _numbers(box, 4):
        raise UserError(f"{path}: 2d_bbox {box!r} is not x, y, width and height: {RESTORE}")
    assert box is not None
    x, y, width, height = box
    if min(width, height) <= 0 or min(x, y) < 0 or x + width > size[0] or y + height > size[1]:
        raise UserError(f"{path}: 2d_bbox {box} is not inside the image of {size[0]}x{size[1]}: {RESTORE}")
    across, down = stored[0] / size[0], stored[1] / size[1]
    parameters = content.get("camera_parameters")
    pose = parameters.get("RT_") if isinstance(parameters, dict) else None
    if pose is not None and (fault := pose_fault(pose)) is not None:
        raise UserError(f"{path}: RT_ {fault}: {RESTORE}")
    return Annotation(
        (x * across, y * down, width * across, height * down),
        None if pose is None else np.array(pose, dtype=np.float64),
    )


def read_reference_camera(path: Path) -> ReferenceCamera:
    """Read the .json of a reference view; raises UserError where K or RT_ is no camera."""
    content: Mapping[str, Any] = read_json_object(path)
    if (fault := pose_fault(content.get("RT_"))) is not None:
        raise UserError(f"{path}: RT_ {fault}: {RESTORE}")
    rows = content.get("K")
    if not isinstance(rows, list) or len(rows) != 3 or not all(_numbers(row, 3) for row in rows):
        raise UserError(f"{path}: K {rows!r} is not a 3x3 matrix of numbers: {RESTORE}")
    K = np.array(rows, dtype=np.float64)
    if min(K[0, 0], K[1, 1]) <= 0 or not np.array_equal(K[2], [0, 0, 1]):
        raise UserError(f"{path}: K {rows} is no camera matrix (focal lengths above 0, last row 0, 0, 1): {RESTORE}")
    return ReferenceCamera(K, np.array(content["RT_"], dtype=np.float64))


def _numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, list | tuple)
        and len(values) == count
        # NaN is in no range.
        and all(isinstance(value, int | float) and abs(value) < _LARGEST for value in values)
    )
