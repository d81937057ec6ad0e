"""The bootstrap over queries: figures of many resamples at once.

A resample of N queries is a row of counts: how often each query was drawn. Figures of all resamples are computed from
the (B, N) matrix of counts, with scores ranked once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""(B, N): how often resample b holds query n."""


def draw_counts(
    anomalous: NDArray[np.bool_],  # (N,)
    resamples: int,
    generator: np.random.Generator,
) -> Counts:
    """Draw B resamples with replacement, among the normal and among the anomalous queries apart, (B, N).

    Every resample holds as many normal and anomalous queries as the data, so that no AUROC is undefined (the stratified
    bootstrap of Robin et al., pROC, BMC Bioinformatics 2011).
    """
    counts = np.zeros((resamples, len(anomalous)), dtype=np.int64)
    for members in (np.flatnonzero(~anomalous), np.flatnonzero(anomalous)):
        if len(members):
            drawn = generator.integers(len(members), size=(resamples, len(members)))
            flat = drawn + len(members) * np.arange(resamples)[:, None]
            held = np.bincount(flat.ravel(), minlength=resamples * len(members))
            counts[:, members] = held.reshape(resamples, len(members))
    return counts


def resampled_auroc(
    scores: NDArray[np.float64],  # (N,)
    anomalous: NDArray[np.bool_],  # (N,)
    counts: Counts,  # (B, N)
) -> NDArray[np.float64]:
    """The AUROC of each resample, (B,), ties counting one half; NaN where it holds one kind of query only."""
    _, index = np.unique(scores, return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    ordered = counts[:, order]
    positives = np.add.reduceat(ordered * anomalous[order], starts, axis=1)
    negatives = np.add.reduceat(ordered * ~anomalous[order], starts, axis=1)
    twice_won = (positives * (2 * negatives.cumsum(axis=1) - negatives)).sum(axis=1)
    return _ratio(twice_won, 2 * positives.sum(axis=1) * negatives.sum(axis=1))


def resampled_mean(
    values: NDArray[np.float64],  # (N,), NaN where not known
    counts: Counts,  # (B, N)
) -> NDArray[np.float64]:
    """The mean of the known values in each resample, (B,); NaN where it holds none."""
    known = np.isfinite(values)
    held = counts[:, known]
    return _ratio(held @ values[known], held.sum(axis=1))


def resampled_median(
    values: NDArray[np.float64],  # (N,), NaN where not known
    counts: Counts,  # (B, N)
) -> NDArray[np.float64]:
    """The median of the known values in each resample, (B,); NaN where it holds none."""
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    up_to = counts[:, order].cumsum(axis=1)  # queries held up to each value
    total = up_to[:, -1] if len(order) else np.zeros(len(counts), dtype=np.int64)
    middle = np.full(len(counts), np.nan)
    held = total > 0
    if held.any():
        lower, upper = (
            values[order][(up_to[held] > place[:, None]).argmax(axis=1)]
            for place in ((total[held] - 1) // 2, total[held] // 2)
        )
        middle[held] = (lower + upper) / 2
    return middle


def percentile_interval(differences: NDArray[np.float64]) -> tuple[float, float]:  # (B,)
    """The central 95 % of the differences; resamples without one (NaN) take no part."""
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return float(low), float(high)


def _ratio(numerator: NDArray[Any], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0
    )
    return ratio
