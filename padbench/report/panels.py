"""What pictures and pages show of a query: pixels at a common size, the map in colour, the outline of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from padbench.metrics.map_size import resize_map
from padbench.metrics.unit import failed
from padbench.report.colour_scale import ColourScale, colours
from padbench.scene import GroundTruth
from padbench.store import RunFolder

Pixels = NDArray[np.float32]  # (H, W, 3) RGB in [0, 1]
Box = tuple[float, float, float, float]  # x, y, width, height

TRUE_COLOUR, FOUND_COLOUR = (0, 220, 235), (235, 0, 160)


def fitted_size(pixels: Pixels, longer_side: int) -> tuple[int, int]:
    """Height and width of an image whose longer side is scaled to `longer_side` pixels."""
    factor = longer_side / max(pixels.shape[:2])
    return round(pixels.shape[0] * factor), round(pixels.shape[1] * factor)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The image at another size (height, width)."""
    image = to_image(pixels).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def to_image(pixels: Pixels) -> Image.Image:
    """The image in 8 bits per channel."""
    return Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def overlay(anomaly_map: NDArray[np.float32], shown: Pixels, scale: ColourScale) -> Pixels:
    """The map in colour with the edges of the query, so that one sees where on the object a score is.

    anomaly_map: (h, w). shown: the query, (H, W, 3), whose size the result has.
    """
    from scipy import ndimage

    position = scale.position(resize_map(anomaly_map, (shown.shape[0], shown.shape[1])))
    grey = shown.mean(axis=2)
    # Only the fine detail: a blend with the query itself would falsify the colours.
    detail = grey - ndimage.gaussian_filter(grey, 4)
    pixels: Pixels = np.clip(colours(position) + 0.5 * detail[..., None], 0, 1).astype(np.float32)
    return pixels


def outline(truth: GroundTruth, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """A band two pixels wide just outside the mask, at a size (height, width); None where nothing is marked."""
    from scipy import ndimage

    if truth.load_mask is None:
        return None
    share = resize_map(truth.load_mask().astype(np.float32), size)
    # A defect of less than half a panel pixel is still outlined.
    inside = share >= min(0.5, float(share.max()))
    band: NDArray[np.bool_] = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside)
    return band if share.max() > 0 else None


def boxes(run: RunFolder, row: dict[str, Any], truth: GroundTruth) -> list[tuple[tuple[int, int, int], Box]]:
    """The true and the found box of an anomalous query with their colours, as shares of width and height."""
    if truth.box is None or truth.load_mask is None:
        return []
    height, width = truth.load_mask().shape
    found = [(TRUE_COLOUR, _shares(truth.box, width, height))]
    if not failed(row) and row.get("box") is not None:
        height, width = run.anomaly_map(row).shape
        found.append((FOUND_COLOUR, _shares(row["box"], width, height)))
    return found


def corners(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels of a box given in shares, in an image of that size (height, width)."""
    x, y, width, height = box
    return x * size[1], y * size[0], (x + max(width, 0)) * size[1], (y + max(height, 0)) * size[0]


def _shares(box: Sequence[float], width: int, height: int) -> Box:
    x, y, across, down = (float(value) for value in box)
    return x / width, y / height, across / width, down / height
