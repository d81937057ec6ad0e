"""How complex an object's shape is and how much its colours differ, from normal images of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

# CIE76 distance: 2.3 is just noticeable; shading and compression of a plain background stay below 5.
_DISTINCT = 5.0
_PLAIN = 0.98  # share of the border that must look like the background
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def silhouette(image: Image) -> NDArray[np.bool_] | None:  # (H, W, 3) RGB in [0, 1]
    """The pixels that differ from the background, (H, W).

    The background is the median colour of the image's border; None where the border is not of one colour, as in a
    photograph of a room, or where nothing differs from it.
    """
    colours = lab(image)
    border = np.concatenate([colours[0], colours[-1], colours[1:-1, 0], colours[1:-1, -1]])
    background = np.median(border, axis=0)
    if (np.linalg.norm(border - background, axis=1) < _DISTINCT).mean() < _PLAIN:
        return None
    mask: NDArray[np.bool_] = np.linalg.norm(colours - background, axis=2) >= _DISTINCT
    return mask if mask.any() else None


def shape_complexity(mask: NDArray[np.bool_]) -> float:  # (H, W)
    """The isoperimetric ratio of a silhouette, perimeter^2 / (4 pi area): 1 for a disc, more for any other shape.

    The perimeter, that of holes included, is Crofton's: crossings of the outline by lines of four directions.
    """
    padded = np.pad(mask, 1)
    straight = _crossings(padded[:, 1:], padded[:, :-1]) + _crossings(padded[1:], padded[:-1])
    diagonal = _crossings(padded[1:, 1:], padded[:-1, :-1]) + _crossings(padded[1:, :-1], padded[:-1, 1:])
    perimeter = np.pi / 8 * (straight + diagonal / np.sqrt(2))
    return float(perimeter**2 / (4 * np.pi * mask.sum()))


def colour_contrast(image: Image, mask: NDArray[np.bool_]) -> float:  # (H, W, 3) RGB in [0, 1], (H, W)
    """The spread of an object's colours: sqrt(std(a)^2 + std(b)^2) in CIE Lab, over the pixels of its silhouette.

    As Zhou et al. (PAD, NeurIPS 2023) define it, but of the object without its background, so that the share of the
    image that it covers does not count.
    """
    return float(np.linalg.norm(lab(image)[mask][:, 1:].std(axis=0)))


def lab(image: Image) -> NDArray[np.float64]:  # (H, W, 3) sRGB in [0, 1]
    """The image in CIE Lab under D65, (H, W, 3): L from 0 to 100."""
    values = image.astype(np.float64)
    linear = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    xyz = linear @ _RGB_TO_XYZ.T / _WHITE
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * root[..., 1] - 16, 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])], axis=-1
    )


def _crossings(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(first != second))
