"""Area under the per-region overlap curve (Bergmann et al., The MVTec Anomaly Detection Dataset, IJCV 2021)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FPR_LIMIT = 0.3


class RegionOverlapArea:
    """Integrates the curve (false positive rate, mean overlap of regions) from the highest threshold down.

    The curve joins the points of all distinct scores by straight lines, starts at (0, 0), is cut by interpolation at
    the limit of 0.3, and its area is divided by that limit. Between two scores of positive pixels the overlap is
    constant; only where negatives share a score with positives does the curve rise at a slope.
    """

    def __init__(self, negatives: int, regions: int) -> None:
        self._negatives = negatives
        self._regions = regions
        self._area = 0.0
        self._rate = 0.0
        self._overlap = 0.0

    def extend(
        self,
        overlap: NDArray[np.float64],  # (U,)
        negatives_above: NDArray[np.int64],  # (U,)
        negatives_equal: NDArray[np.int64],  # (U,)
    ) -> None:
        """Continue the curve by lower scores of positive pixels, in descending order.

        overlap: gain per score, summed over regions. negatives_above/equal: negatives above/at each score, in all.
        """
        after = self._overlap + np.cumsum(overlap) / self._regions
        before = np.concatenate(([self._overlap], after[:-1]))
        reached = negatives_above / self._negatives
        passed = (negatives_above + negatives_equal) / self._negatives
        previous = np.concatenate(([self._rate], passed[:-1]))
        flat = np.clip(reached, None, FPR_LIMIT) - np.clip(previous, None, FPR_LIMIT)
        sloped = np.clip(passed, None, FPR_LIMIT) - np.clip(reached, None, FPR_LIMIT)
        width = passed - reached
        share = np.divide(sloped, width, out=np.zeros_like(width), where=width > 0)
        self._area += float(np.sum(flat * before + sloped * (before + 0.5 * share * (after - before))))
        self._rate, self._overlap = float(passed[-1]), float(after[-1])

    def value(self) -> float:
        """The area, from the last score on at full overlap, divided by the limit."""
        rest = max(0.0, FPR_LIMIT - self._rate) * self._overlap
        return min(1.0, (self._area + rest) / FPR_LIMIT)
