"""Overlap of predicted and true boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_overlaps(
    predicted: NDArray[np.float64],  # (N, 4) x, y, width, height
    true: NDArray[np.float64],  # (N, 4) x, y, width, height
) -> NDArray[np.float64]:
    """Intersection over union of each pair, (N,) in [0, 1]; 0 where the union is empty. Widths below 0 count as 0."""
    low = np.maximum(predicted[:, :2], true[:, :2])
    high = np.minimum(predicted[:, :2] + predicted[:, 2:], true[:, :2] + true[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = [np.clip(boxes[:, 2:], 0, None).prod(axis=1) for boxes in (predicted, true)]
    union = areas[0] + areas[1] - shared
    overlaps: NDArray[np.float64] = np.divide(shared, union, out=np.zeros(len(true)), where=union > 0)
    return overlaps
