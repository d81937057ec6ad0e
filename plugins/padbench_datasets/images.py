"""Read images and masks from disk: every way a file can be damaged ends in a UserError that names it."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse

from padbench.errors import UserError
from padbench_datasets.files import RESTORE, read_bytes, unreadable
from padbench_datasets.intrinsics import Intrinsics, Size, undistort

_FORMATS = ("PNG", "JPEG")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_PNG_END = b"IEND\xaeB`\x82"
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error, Image.DecompressionBombError)


def read_size(path: Path) -> Size:
    """Width and height of an image from its header; raises UserError when the file cannot be read or is cut off."""
    try:
        with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
            size, mode, is_png = image.size, image.mode, image.format == "PNG"
            file.seek(0, io.SEEK_END)
            file.seek(max(0, file.tell() - len(_PNG_END)))
            complete = not is_png or file.read() == _PNG_END
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    _require_mode(path, mode)
    if not complete:
        # Bytes after the end mark are harmless; only decoding tells them from a missing end.
        _decode(path)
    return size


def common_size(paths: Iterable[Path]) -> Size:
    """Width and height of the first of some images that can be read: a damaged one must not hide the others' faults.

    Raises UserError with the fault of the first where none can be read.
    """
    faults = []
    for path in paths:
        try:
            return read_size(path)
        except UserError as error:
            faults.append(error)
    raise faults[0]


def load_image(path: Path, stored: Size, size: Size, lens: Intrinsics | None = None) -> NDArray[np.float32]:
    """Read an image as (H, W, 3) float32 RGB in [0, 1] at `size`, transparent pixels on white.

    stored: the size the file must have on disk. lens: the camera whose distortion is removed before resizing. Raises
    UserError for a damaged file.
    """
    image = _decode(path)
    _require_size(path, image.size, stored)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    pixels = np.asarray(image.convert("RGB"))
    return resize(pixels if lens is None else undistort(pixels, lens), size)


def load_mask(path: Path, stored: Size, lens: Intrinsics | None = None) -> NDArray[np.bool_]:
    """Read a mask as (H, W) bool, True where it is brighter than half; raises UserError for a damaged or empty one.

    lens: the camera whose distortion is removed, as it is from the mask's image.
    """
    image = _decode(path)
    _require_size(path, image.size, stored)
    mask = np.asarray(image.convert("L")) > 127
    if not mask.any():
        raise UserError(f"{path} marks no pixel (none is above 127): mark the defect in white or restore the mask")
    if lens is not None:
        mask = undistort(mask, lens)
        if not mask.any():
            raise UserError(f"{path} marks no pixel that is left when the lens distortion is removed: remove the image")
    return mask


def no_defect(stored: Size) -> NDArray[np.bool_]:
    """The mask of a normal image: (H, W), False everywhere."""
    width, height = stored
    return np.zeros((height, width), dtype=np.bool_)


def scaled_size(stored: Size, longer_side: int | None) -> Size:
    """The size after scaling the longer side, aspect kept to the nearest pixel; None leaves it as it is."""
    if longer_side is None:
        return stored
    width, height = (max(1, round(side * longer_side / max(stored))) for side in stored)
    return width, height


def resize(image: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
    """Resize an (H, W, 3) image to float32 in [0, 1]: exact area averages to shrink, clipped bicubic to enlarge.

    Pillow's BOX filter counts whole pixels only: at 400 -> 256 it moves edges by up to 0.2 px, which a pose feels.
    """
    width, height = size
    if width > image.shape[1] or height > image.shape[0]:
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
        return image.astype(np.float32) / np.float32(255)
    if (height, width) == image.shape[:2]:
        return image.astype(np.float32) / np.float32(255)
    rows, columns = _area_weights(image.shape[0], height), _area_weights(image.shape[1], width)
    channels = image.shape[2]
    averaged = (rows @ image.reshape(image.shape[0], -1).astype(np.float32)).reshape(height, -1, channels)
    averaged = columns @ averaged.transpose(1, 0, 2).reshape(image.shape[1], -1)
    averaged = averaged.reshape(width, height, channels).transpose(1, 0, 2)
    return np.ascontiguousarray(averaged / np.float32(255)).clip(0, 1)


@lru_cache(maxsize=16)
def _area_weights(old: int, new: int) -> sparse.csr_matrix:
    """The (new, old) matrix of the share that each old pixel has in each new one; rows sum to 1."""
    edges = np.arange(new + 1) * (old / new)
    first = edges[:-1].astype(np.intp)
    covered = first[:, None] + np.arange(math.ceil(old / new) + 1)
    shares = np.minimum(edges[1:, None], covered + 1) - np.maximum(edges[:-1, None], covered)
    inside = (shares > 0) & (covered < old)
    new_pixel = np.broadcast_to(np.arange(new)[:, None], covered.shape)
    entries = shares[inside] * (new / old), (new_pixel[inside], covered[inside])
    return sparse.csr_matrix(entries, shape=(new, old), dtype=np.float32)


def _decode(path: Path) -> Image.Image:
    content = read_bytes(path)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.verify()  # checksums: decoding alone does not notice changed bytes
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        image.load()
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    _require_mode(path, image.mode)
    return image


def _require_mode(path: Path, mode: str) -> None:
    if mode not in _MODES:
        raise UserError(f"{path} has pixel format {mode}: save it with 8 bits per channel, grey or RGB")


def _require_size(path: Path, size: Size, expected: Size) -> None:
    if size != expected:
        raise UserError(f"{path} is {size[0]}x{size[1]}, expected {expected[0]}x{expected[1]}: {RESTORE}")


def _damaged(path: Path, error: Exception) -> UserError:
    if isinstance(error, OSError) and error.errno is not None:
        return unreadable(path, error)
    return UserError(f"{path} is damaged or no PNG or JPEG image: {RESTORE}")
