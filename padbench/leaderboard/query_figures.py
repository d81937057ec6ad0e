"""The figures of a unit as functions of which queries are counted, and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from padbench.leaderboard.bootstrap import Counts, resampled_auroc, resampled_mean, resampled_median
from padbench.metrics.pose import rotation_errors
from padbench.metrics.unit import (
    Scored,
    matrices,
    overlaps_of_boxes,
    paired_with_truth,
    records,
    right_decisions,
    size_of_masks,
)
from padbench.scene import GroundTruth
from padbench.store import RunFolder

Statistic = Callable[[Counts], NDArray[np.float64]]
"""(B, N) counts of the task's queries -> the figure of each of the B resamples, NaN where not defined."""


def statistics_of(run: RunFolder, ground_truth: Sequence[GroundTruth]) -> dict[str, Statistic]:
    """The figures of a complete unit by the names of the boards' columns, in fractions, degrees and seconds.

    Those that are sums over single queries, or depend on one score of each. Pixel AUROC, pixel AP and AUPRO pool the
    pixels of all queries and are not among them. The queries count in the order of the ground truth.
    Raises UserError when predictions and ground truth do not hold the same queries.
    """
    place = {truth.query_id: index for index, truth in enumerate(ground_truth)}
    scored = paired_with_truth(run, records(run), ground_truth)
    scored.sort(key=lambda pair: place[pair[0]["id"]])
    anomalous = np.array([truth.anomalous for _, truth in scored], dtype=bool)
    statistics: dict[str, Statistic] = {}
    if anomalous.any() and not anomalous.all():
        scores = np.array([row["image_score"] for row, _ in scored], dtype=np.float64)
        statistics["image_auroc"] = partial(resampled_auroc, scores, anomalous)
    if (right := right_decisions(scored)) is not None:
        statistics["accuracy"] = partial(resampled_mean, right.astype(np.float64))
    if (overlaps := overlaps_of_boxes(run, scored, size_of_masks(ground_truth))) is not None:
        statistics["mean_iou"] = partial(resampled_mean, overlaps)
    degrees = _rotation_errors(scored)
    if np.isfinite(degrees).any():
        statistics["rotation_deg_median"] = partial(resampled_median, degrees)
        statistics["rotation_deg_mean"] = partial(resampled_mean, degrees)
        within = np.where(np.isfinite(degrees), degrees < 1.0, np.nan)
        statistics["success_1deg"] = partial(resampled_mean, within)
    seconds = _seconds(scored)
    if np.isfinite(seconds).any():
        statistics["seconds_per_query"] = partial(resampled_mean, seconds)
    return statistics


def _rotation_errors(scored: Sequence[Scored]) -> NDArray[np.float64]:
    """(N,) degrees, NaN where a pose is not known."""
    errors = np.full(len(scored), np.nan)
    posed = [
        index
        for index, (row, truth) in enumerate(scored)
        if row.get("world_to_camera") is not None and truth.world_to_camera is not None
    ]
    if posed:
        true = np.array([scored[index][1].world_to_camera for index in posed], dtype=np.float64)
        estimated = matrices([scored[index][0] for index in posed], "world_to_camera")
        errors[posed] = np.rad2deg(rotation_errors(estimated, true))
    return errors


def _seconds(scored: Sequence[Scored]) -> NDArray[np.float64]:
    """(N,) seconds of all stages together, NaN where not measured."""
    columns = [name for name in scored[0][0] if name.startswith("seconds.")]
    if not columns:
        return np.full(len(scored), np.nan)
    return np.array([sum(row[name] for name in columns) for row, _ in scored], dtype=np.float64)
