"""Image AUROC: how well one score per image ranks anomalous images above normal ones."""

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
    refuse_non_finite(scores, "image_score")
    _, index = np.unique(scores, return_inverse=True)
    positives = np.bincount(index, weights=anomalous).astype(np.int64)
    negatives = np.bincount(index, weights=~anomalous).astype(np.int64)
    pairs = int(positives.sum()) * int(negatives.sum())
    if pairs == 0:
        return None
    negatives_below = np.cumsum(negatives) - negatives
    return int(np.dot(positives, 2 * negatives_below + negatives)) / (2 * pairs)
