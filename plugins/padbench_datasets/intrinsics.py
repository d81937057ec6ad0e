"""Intrinsics as NeRF data sets store them, and the lens distortion that COLMAP's export may leave in the images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from padbench.errors import UserError
from padbench.scene import Matrix
from padbench_datasets.files import RESTORE

Size = tuple[int, int]  # width, height
Pixel = TypeVar("Pixel", np.uint8, np.bool_)

_MODELS = ("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
"""COLMAP's camera models that k1, k2, k3, p1 and p2 describe; k4 to k6 of FULL_OPENCV must be 0."""

_UNDISTORT = "undistort the images (colmap image_undistorter) and give the pinhole camera"


@dataclass(frozen=True)
class Intrinsics:
    """A camera with lens distortion, in pixels of the stored image; the top left pixel's centre is at (0.5, 0.5).

    k1, k2, k3: radial, p1, p2: tangential coefficients of OpenCV's model, no unit. They belong to the image before
    `undistort`; the pinhole camera that remains afterwards is `K`.
    """

    fl_x: float
    fl_y: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    p1: float = 0.0
    p2: float = 0.0

    @property
    def distorted(self) -> bool:
        """Whether the image has to be undistorted before a pinhole camera describes it."""
        return any((self.k1, self.k2, self.k3, self.p1, self.p2))

    def K(self, stored: Size, size: Size) -> Matrix:
        """The (3, 3) pinhole matrix, float64, after undistorting and resizing an image from `stored` to `size`."""
        x, y = size[0] / stored[0], size[1] / stored[1]
        return np.array([[self.fl_x * x, 0.0, self.cx * x], [0.0, self.fl_y * y, self.cy * y], [0.0, 0.0, 1.0]])

    def distort(self, pixels: Matrix) -> Matrix:  # pixels: (..., 2) x, y
        """Where in the stored image the lens puts what the pinhole camera `K` sees at `pixels`, (..., 2).

        OpenCV's camera calibration model, which COLMAP's model OPENCV extends by k3.
        """
        x, y = (pixels[..., 0] - self.cx) / self.fl_x, (pixels[..., 1] - self.cy) / self.fl_y
        square = x * x + y * y
        radial = 1 + square * (self.k1 + square * (self.k2 + square * self.k3))
        distorted_x = x * radial + 2 * self.p1 * x * y + self.p2 * (square + 2 * x * x)
        distorted_y = y * radial + self.p1 * (square + 2 * y * y) + 2 * self.p2 * x * y
        return np.stack([self.fl_x * distorted_x + self.cx, self.fl_y * distorted_y + self.cy], axis=-1)


def undistort(image: NDArray[Pixel], intrinsics: Intrinsics) -> NDArray[Pixel]:  # image: (H, W) or (H, W, C)
    """The image that the pinhole camera `intrinsics.K` would have taken, same shape and dtype.

    Colours are interpolated bilinearly, masks (bool) taken from the nearest pixel. Where the pinhole camera sees more
    than the stored image, its edge is repeated.
    """
    if not intrinsics.distorted:
        return image
    source = _sources(intrinsics, (image.shape[1], image.shape[0]))
    if image.dtype == np.bool_:
        return np.asarray(map_coordinates(image, source, order=0, mode="nearest"), dtype=image.dtype)
    channels = [
        map_coordinates(image[..., channel], source, output=np.float32, order=1, mode="nearest")
        for channel in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1).round().astype(image.dtype)


def read_intrinsics(content: Mapping[str, Any], path: Path, stored: Size) -> Intrinsics:
    """The camera of images of size `stored`, from the keys of a `transforms.json`.

    fl_x (px) or camera_angle_x (radians) is needed; fl_x counts where both are given. fl_y is else taken from
    camera_angle_y or fl_x; cx and cy are else the image's centre. w and h, where given, are the size that the
    pixels refer to: they must have the aspect of `stored` up to rounding. Raises UserError that names `path`.
    """
    width, height = _reference_size(content, path, stored)
    if "fl_x" not in content and "camera_angle_x" not in content:
        raise UserError(f"{path} has neither 'fl_x' nor 'camera_angle_x': {RESTORE}")
    fl_x = _focal_length(content, "x", width, path)
    fl_y = fl_x if "fl_y" not in content and "camera_angle_y" not in content else None
    fl_y = fl_y or _focal_length(content, "y", height, path)
    cx, cy = _inside(content, "cx", width, path), _inside(content, "cy", height, path)
    _require_known_model(content, path)
    x, y = stored[0] / width, stored[1] / height
    lens = {key: _number(content, key, path, 0.0) for key in ("k1", "k2", "k3", "p1", "p2")}
    intrinsics = Intrinsics(fl_x * x, fl_y * y, cx * x, cy * y, **lens)
    if _folds(intrinsics, stored):
        values = ", ".join(f"{key} = {value:g}" for key, value in lens.items() if value)
        raise UserError(f"{path} describes no lens: with {values} it would show some points twice: {_UNDISTORT}")
    return intrinsics


def _reference_size(content: Mapping[str, Any], path: Path, stored: Size) -> tuple[float, float]:
    if "w" not in content and "h" not in content:
        return stored
    width, height = _number(content, "w", path), _number(content, "h", path)
    if min(width, height) < 1:
        raise UserError(f"{path}: w and h are {width:g} and {height:g}, they must be the size of the images in pixels")
    # The shrunken one of the two images was rounded to whole pixels, by up to one in each direction.
    rounding = max(width + height, sum(stored))
    if abs(width * stored[1] - height * stored[0]) > rounding:
        raise UserError(
            f"{path}: w and h are {width:g} and {height:g}, the images are {stored[0]}x{stored[1]}, of another aspect: "
            "give the intrinsics of these images"
        )
    return width, height


def _focal_length(content: Mapping[str, Any], axis: str, side: float, path: Path) -> float:
    key = f"fl_{axis}"
    if key in content:
        length = _number(content, key, path)
        if length <= 0:
            raise UserError(f"{path}: {key} is {length:g}, it must be a focal length in pixels above 0")
        return length
    key = f"camera_angle_{axis}"
    angle = content[key]
    if isinstance(angle, bool) or not isinstance(angle, (int, float)) or not 0 < angle < math.pi:
        raise UserError(f"{path}: {key} is {angle!r}, it must be an angle in radians between 0 and pi")
    return 0.5 * side / math.tan(0.5 * angle)


def _inside(content: Mapping[str, Any], key: str, side: float, path: Path) -> float:
    value = _number(content, key, path, 0.5 * side)
    if not 0 <= value <= side:
        raise UserError(f"{path}: {key} is {value:g}, it must lie in the image, between 0 and {side:g}")
    return value


def _require_known_model(content: Mapping[str, Any], path: Path) -> None:
    model = content.get("camera_model", _MODELS[0])
    if model not in _MODELS or content.get("is_fisheye"):
        raise UserError(f"{path}: the camera model {model!r} is not supported: {_UNDISTORT}")
    for key in ("k4", "k5", "k6"):
        if _number(content, key, path, 0.0):
            raise UserError(f"{path}: the distortion {key} = {content[key]} is not supported: {_UNDISTORT}")


def _number(content: Mapping[str, Any], key: str, path: Path, default: float | None = None) -> float:
    value = content.get(key, default)
    try:
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        missing = f"{path} has no {key!r}: {RESTORE}" if value is None else f"{path}: {key} is {str(value)[:40]!r}"
        raise UserError(missing if value is None else f"{missing}, it must be a number")
    return number


def _folds(intrinsics: Intrinsics, size: Size) -> bool:
    """Whether the distortion turns a patch of the image over: it then has no inverse and comes from no lens."""
    if not intrinsics.distorted:
        return False
    columns, rows = np.linspace(0.0, size[0], 65), np.linspace(0.0, size[1], 65)
    with np.errstate(over="ignore", invalid="ignore"):
        grid = intrinsics.distort(np.stack(np.meshgrid(columns, rows), axis=-1))
        right, down = np.diff(grid, axis=1)[:-1], np.diff(grid, axis=0)[:, :-1]
        area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    return not bool((area > 0).all())


@lru_cache(maxsize=4)
def _sources(intrinsics: Intrinsics, size: Size) -> NDArray[np.float32]:
    """Row and column index into the stored image for every pixel of the undistorted one, (2, H, W)."""
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    distorted = intrinsics.distort(np.stack([columns, rows], axis=-1))
    return np.ascontiguousarray(distorted.transpose(2, 0, 1)[::-1] - 0.5, dtype=np.float32)
