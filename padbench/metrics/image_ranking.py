"""Ranking metrics of one score per image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from padbench.metrics.ordered_keys import refuse_non_finite


def auroc(
    scores: NDArray[np.float64],  # (N,)
    anomalous: NDArray[np.bool_],  # (N,)
) -> float | None:
    """The probability that an anomalous image scores above a normal one, ties counting one half.

    None where one of the two classes is absent. Raises UserError when a score is NaN or infinite.
    """
    positives, negatives_below, negatives_equal, _ = _count_by_score(scores, anomalous)
    pairs = int(positives.sum()) * int((~anomalous).sum())
    if pairs == 0:
        return None
    return int(np.dot(positives, 2 * negatives_below + negatives_equal)) / (2 * pairs)


def average_precision(
    scores: NDArray[np.float64],  # (N,)
    anomalous: NDArray[np.bool_],  # (N,)
) -> float | None:
    """The mean over the anomalous images of the precision at their score: sum of (R_n - R_n-1) P_n over all thresholds.

    None where one of the two classes is absent. Raises UserError when a score is NaN or infinite.
    """
    positives, _, _, precision = _count_by_score(scores, anomalous)
    total = int(positives.sum())
    if total == 0 or total == len(scores):
        return None
    return min(1.0, float(np.dot(positives, precision)) / total)


def _count_by_score(
    scores: NDArray[np.float64], anomalous: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For each distinct score, ascending: positives, negatives below, negatives equal, precision of `score >= it`."""
    refuse_non_finite(scores, "image_score")
    _, index = np.unique(scores, return_inverse=True)
    positives = np.bincount(index, weights=anomalous).astype(np.int64)
    negatives = np.bincount(index, weights=~anomalous).astype(np.int64)
    positives_from = np.cumsum(positives[::-1])[::-1]
    negatives_from = np.cumsum(negatives[::-1])[::-1]
    precision = positives_from / np.maximum(positives_from + negatives_from, 1)
    return positives, np.cumsum(negatives) - negatives, negatives, precision
