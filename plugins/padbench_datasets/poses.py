"""Read camera poses as NeRF data sets store them (camera-to-world, OpenGL axes) and convert them to OpenCV cameras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from padbench.errors import UserError
from padbench.scene import Camera, Matrix
from padbench_datasets.files import RESTORE, read_bytes
from padbench_datasets.intrinsics import Intrinsics, Size

# Single-precision exports are off by 1e-6; more than this is not a rotation.
_TOLERANCE = 1e-3


def opencv_world_to_camera(camera_to_world: Matrix) -> Matrix:
    """Invert a (4, 4) rigid camera-to-world matrix with OpenGL axes (x right, y up, z back) into OpenCV axes."""
    rotation = (camera_to_world[:3, :3] * np.array([1.0, -1.0, -1.0])).T
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = rotation
    world_to_camera[:3, 3] = -rotation @ camera_to_world[:3, 3]
    return world_to_camera


def pinhole(camera_to_world: Matrix, intrinsics: Intrinsics, stored: Size, size: Size) -> Camera:
    """The camera of an image of size `stored` after undistorting it and resizing it to `size`."""
    return Camera(intrinsics.K(stored, size), opencv_world_to_camera(camera_to_world), *size)


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; raises UserError that names the file when it does not."""
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): {RESTORE}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no JSON object: {RESTORE}")
    return content


def pose_fault(matrix: object) -> str | None:
    """Say what keeps a `transform_matrix` from being a rigid motion, None if it is one."""
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return "is not a matrix of numbers"
    if pose.shape != (4, 4):
        return f"has shape {pose.shape} instead of (4, 4)"
    if not np.isfinite(pose).all():
        return f"contains {pose[~np.isfinite(pose)][0]}"
    if np.abs(pose[3] - [0.0, 0.0, 0.0, 1.0]).max() > _TOLERANCE:
        return f"ends with the row {pose[3].tolist()} instead of [0, 0, 0, 1]"
    deviation = np.abs(pose[:3, :3].T @ pose[:3, :3] - np.eye(3)).max()
    if deviation > _TOLERANCE:
        return f"is not a rotation (its axes deviate from orthonormal by {deviation:.3g})"
    if np.linalg.det(pose[:3, :3]) < 0:
        return "is a mirroring, not a rotation (its determinant is -1)"
    return None
