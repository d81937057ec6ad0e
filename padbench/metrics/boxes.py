"""Overlap of predicted and true bounding boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_iou(
    predicted: NDArray[np.float64],  # (N, 4) x, y, width, height
    true: NDArray[np.float64],  # (N, 4) x, y, width, height
) -> float:
    """The mean over N >= 1 pairs of boxes of intersection over union; two empty boxes overlap by 0."""
    corner = np.maximum(predicted[:, :2], true[:, :2])
    opposite = np.minimum(predicted[:, :2] + predicted[:, 2:], true[:, :2] + true[:, 2:])
    intersection = np.prod(np.maximum(opposite - corner, 0.0), axis=1)
    union = np.prod(predicted[:, 2:], axis=1) + np.prod(true[:, 2:], axis=1) - intersection
    return float(np.mean(np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)))
