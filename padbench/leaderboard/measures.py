"""The columns of the boards and where their figures come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from padbench.leaderboard.board import Column
from padbench.leaderboard.results import Result
from padbench.leaderboard.rows import Figures, Measure, mean_figures

_ACCURACY_COLUMNS = (
    Column("image_auroc", "image AUROC", "%", "higher", 2),
    Column("pixel_auroc", "pixel AUROC", "%", "higher", 2),
    Column("pixel_ap", "pixel AP", "%", "higher", 2),
    Column("aupro", "AUPRO", "%", "higher", 2),
    Column("accuracy", "accuracy", "%", "higher", 2),
    Column("mean_iou", "mean box IoU", "%", "higher", 2),
)

_POSE_COLUMNS = (
    Column("rotation_deg_median", "rotation median [deg]", "deg", "lower"),
    Column("coarse_rotation_deg_median", "coarse rotation median [deg]", "deg", None),
    Column("rotation_deg_mean", "rotation mean [deg]", "deg", "lower"),
    Column("coarse_rotation_deg_mean", "coarse rotation mean [deg]", "deg", None, detail=True),
    Column("translation_median", "centre median", "scene units", "lower"),
    Column("coarse_translation_median", "coarse centre median", "scene units", None, detail=True),
    Column("translation_mean", "centre mean", "scene units", "lower"),
    Column("coarse_translation_mean", "coarse centre mean", "scene units", None, detail=True),
    Column("success_1deg", "below 1 deg [%]", "%", "higher", 1),
    Column("coarse_success_1deg", "coarse below 1 deg [%]", "%", None, 1),
    Column("auc_5deg", "AUC 5 [%]", "%", "higher", 1),
    Column("coarse_auc_5deg", "coarse AUC 5 [%]", "%", None, 1, detail=True),
    Column("auc_10deg", "AUC 10 [%]", "%", "higher", 1),
    Column("coarse_auc_10deg", "coarse AUC 10 [%]", "%", None, 1, detail=True),
    Column("auc_20deg", "AUC 20 [%]", "%", "higher", 1),
    Column("coarse_auc_20deg", "coarse AUC 20 [%]", "%", None, 1, detail=True),
)

_QUERY_STAGES = ("coarse", "refine", "render", "detect")
_GIB = 2**30

_TIMING_COLUMNS = (
    Column("seconds_per_query", "query [s]", "s", "lower"),
    Column("seconds_without_coarse", "without coarse [s]", "s", None),
    Column("seconds_coarse", "coarse [s]", "s", None),
    Column("seconds_refine", "refine [s]", "s", None),
    Column("seconds_render", "render [s]", "s", None),
    Column("seconds_detect", "detect [s]", "s", None),
    Column("seconds_per_query_median", "query median [s]", "s", None, detail=True),
    Column("seconds_per_query_p95", "query 95th percentile [s]", "s", None, detail=True),
    Column("queries_per_second", "queries per second", "1/s", "higher"),
    Column("retrieval_share", "retrieval [%]", "%", None, 1),
    Column("seconds_fit", "fit [s]", "s", "lower"),
    Column("seconds_fit_representation", "fit representation [s]", "s", None),
    Column("seconds_fit_pose", "fit pose [s]", "s", None),
    Column("seconds_fit_detector", "fit detector [s]", "s", None),
    Column("peak_memory_host", "host peak [GiB]", "GiB", "lower", 2),
    Column("peak_memory_device", "device peak [GiB]", "GiB", "lower", 2),
)


def _accuracy(result: Result) -> Figures:
    return {
        column.name: 100 * result.metrics[column.name] for column in _ACCURACY_COLUMNS if column.name in result.metrics
    }


def _pose(result: Result) -> Figures:
    pose = result.metrics.get("pose", {})
    figures = {}
    for column in _POSE_COLUMNS:
        name = column.name.removeprefix("coarse_")
        source = pose if name == column.name else pose.get("coarse", {})
        if name in source:
            figures[column.name] = source[name] * (100 if column.unit == "%" else 1)
    return figures


def _timing(result: Result) -> Figures:
    seconds, peak = result.metrics["seconds"], result.run.info["peak_memory_bytes"]
    query = seconds.get("query", {})
    fit = {name: value for name, value in seconds.items() if name.startswith("fit.")}
    figures = {f"seconds_{stage}": _mean_seconds(query, stage) for stage in _QUERY_STAGES if stage in query}
    if "total" in query:
        figures["seconds_without_coarse"] = query["total"]["mean"] - figures.get("seconds_coarse", 0.0)
        figures["seconds_per_query"] = query["total"]["mean"]
        figures["seconds_per_query_median"] = query["total"]["median"]
        figures["seconds_per_query_p95"] = query["total"]["p95"]
    if fit:
        figures["seconds_fit"] = sum(fit.values())
        figures.update({f"seconds_{name.replace('.', '_')}": value for name, value in fit.items()})
    figures.update({f"peak_memory_{where}": size / _GIB for where, size in peak.items() if size is not None})
    return figures | _rates(figures)


def _mean_seconds(query: dict[str, Any], stage: str) -> float:
    """The mean time of a stage; later links of a pose chain (refine.2, ...) are refinement too."""
    return float(sum(times["mean"] for name, times in query.items() if name.partition(".")[0] == stage))


def _timing_over_classes(classes: Sequence[Figures]) -> Figures:
    figures = mean_figures(classes)
    for name in [name for name in figures if name.startswith("peak_")]:
        figures[name] = max(of_class[name] for of_class in classes)
    # Rates follow from the mean times: a mean of rates would flatter a method that is slow on one class.
    return figures | _rates(figures)


def _rates(figures: Figures) -> Figures:
    total = figures.get("seconds_per_query", 0.0)
    if total <= 0:
        return {}
    rates = {"queries_per_second": 1 / total}
    if "seconds_coarse" in figures:
        rates["retrieval_share"] = 100 * figures["seconds_coarse"] / total
    return rates


ACCURACY = Measure(_ACCURACY_COLUMNS, _accuracy, mean_figures)
POSE = Measure(_POSE_COLUMNS, _pose, mean_figures)
TIMING = Measure(_TIMING_COLUMNS, _timing, _timing_over_classes)
