"""The metrics of one unit of work, from its stored predictions and the ground truth of its task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from padbench.errors import UserError
from padbench.metrics.boxes import box_overlaps
from padbench.metrics.image_ranking import auroc
from padbench.metrics.map_size import resize_map
from padbench.metrics.pixel import pixel_metrics
from padbench.metrics.pose import pose_metrics
from padbench.scene import GroundTruth
from padbench.store import RunFolder

SCHEMA = 1

Scored = tuple[dict[str, Any], GroundTruth]
"""A row of the predictions whose query did not fail, and what is true of the query."""


def measure(run: RunFolder, ground_truth: Sequence[GroundTruth]) -> dict[str, Any]:
    """Compute the content of metrics.json: fractions in [0, 1], degrees, seconds; what is not defined is absent.

    Anomaly maps are resized to the masks' size on disk. A normal query without a mask is all normal, at the size of the
    task's first mask; an anomalous query without a mask takes no part in pixel metrics, a failed query in none.
    Raises UserError when predictions and ground truth do not hold the same queries, or a score is NaN or infinite.
    """
    rows = records(run)
    paired = paired_with_truth(run, rows, ground_truth)
    scored = [(row, truth) for row, truth in paired if not failed(row)]
    mask_size = size_of_masks(ground_truth)
    unit = run.unit
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": unit.dataset,
        "task": unit.task,
        "method": unit.method,
        "profile": unit.profile,
        "protocol": run.info["protocol"],
        "queries": len(rows),
        "failed_queries": len(paired) - len(scored),
        "partial": run.info["limit"] is not None or len(scored) < len(paired),
        **_accuracy(run, scored, mask_size),
    }
    defects = sorted({truth.defect for _, truth in scored if truth.defect is not None})
    if defects:
        content["by_defect"] = {
            defect: _accuracy(run, [pair for pair in scored if pair[1].defect in (None, defect)], mask_size)
            for defect in defects
        }
    if pose := _pose(scored):
        content["pose"] = pose
    content["seconds"] = _seconds(run, [row for row, _ in scored])
    return content


def records(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of the predictions, in their order."""
    return [{str(name): value for name, value in row.items()} for row in run.predictions().to_dict("records")]


def failed(row: dict[str, Any]) -> bool:
    """Whether the query of a row has no prediction."""
    return isinstance(row.get("error"), str)


def matrices(rows: Sequence[dict[str, Any]], column: str) -> NDArray[np.float64]:
    """The poses in a column of prediction rows, (N, 4, 4)."""
    return np.array([row[column] for row in rows], dtype=np.float64).reshape(-1, 4, 4)


def paired_with_truth(run: RunFolder, rows: list[dict[str, Any]], ground_truth: Sequence[GroundTruth]) -> list[Scored]:
    """Each row with the truth about its query, in the order of the rows.

    Raises UserError when predictions and ground truth do not hold the same queries.
    """
    by_id = {truth.query_id: truth for truth in ground_truth}
    path = run.path / "predictions.parquet"
    for row in rows:
        if row["id"] not in by_id:
            raise UserError(
                f"{path} holds query {row['id']!r}, which the data set {run.unit.dataset!r} does not have; "
                "run the unit again with --overwrite"
            )
    complete = len(rows) == len(by_id) or (run.info["limit"] is not None and rows)
    if len({row["id"] for row in rows}) != len(rows) or not complete:
        raise UserError(f"{path} holds {len(rows)} rows for {len(by_id)} queries; run the unit again with --overwrite")
    return [(row, by_id[row["id"]]) for row in rows]


def size_of_masks(ground_truth: Sequence[GroundTruth]) -> tuple[int, int] | None:
    """Height and width of the task's first mask; None where there is none."""
    for truth in ground_truth:
        if truth.load_mask is not None:
            height, width = truth.load_mask().shape
            return height, width
    return None


def _accuracy(run: RunFolder, scored: Sequence[Scored], mask_size: tuple[int, int] | None) -> dict[str, float]:
    scores = np.array([row["image_score"] for row, _ in scored], dtype=np.float64)
    image_auroc = auroc(scores, np.array([truth.anomalous for _, truth in scored], dtype=bool))
    metrics = {} if image_auroc is None else {"image_auroc": image_auroc}
    if image_auroc is not None and any(truth.box is not None for _, truth in scored):
        metrics["auc"] = image_auroc  # as the papers on BrokenChairs call it
    if (right := right_decisions(scored)) is not None:
        metrics["accuracy"] = float(right.mean())
    if (overlaps := overlaps_of_boxes(run, scored, mask_size)) is not None:
        metrics["mean_iou"] = float(overlaps[np.isfinite(overlaps)].mean())
    if mask_size is not None:
        metrics.update(pixel_metrics(lambda: _maps_and_masks(run, scored, mask_size)))
    return metrics


def right_decisions(scored: Sequence[Scored]) -> NDArray[np.bool_] | None:
    """Whether each query is decided rightly, (N,); None for a detector that decides nothing."""
    thresholds = np.array([_threshold(row) for row, _ in scored], dtype=np.float64)
    if len(scored) == 0 or np.isnan(thresholds).any():
        return None
    scores = np.array([row["image_score"] for row, _ in scored], dtype=np.float64)
    right: NDArray[np.bool_] = (scores > thresholds) == np.array([truth.anomalous for _, truth in scored])
    return right


def _threshold(row: dict[str, Any]) -> float:
    value = row.get("threshold")
    return float("nan") if value is None else float(value)


def overlaps_of_boxes(
    run: RunFolder, scored: Sequence[Scored], mask_size: tuple[int, int] | None
) -> NDArray[np.float64] | None:
    """The overlap of the predicted box with the true one, (N,), NaN for queries whose true box is not known.

    None where no true box is known, or the detector gives no boxes.
    """
    boxed = [index for index, (_, truth) in enumerate(scored) if truth.box is not None]
    if mask_size is None or not boxed or any(scored[index][0].get("box") is None for index in boxed):
        return None
    predicted = []
    for index in boxed:
        row = scored[index][0]
        height, width = run.anomaly_map(row).shape
        scale = np.array([mask_size[1] / width, mask_size[0] / height])
        predicted.append(np.asarray(row["box"], dtype=np.float64) * np.tile(scale, 2))
    overlaps = np.full(len(scored), np.nan)
    overlaps[boxed] = box_overlaps(
        np.array(predicted), np.array([scored[index][1].box for index in boxed], dtype=np.float64)
    )
    return overlaps


def _maps_and_masks(
    run: RunFolder, scored: Sequence[Scored], mask_size: tuple[int, int]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    for row, truth in scored:
        if truth.load_mask is not None:
            mask = truth.load_mask()
        elif not truth.anomalous:
            mask = np.zeros(mask_size, dtype=bool)
        else:
            continue
        yield resize_map(run.anomaly_map(row), (mask.shape[0], mask.shape[1])), mask


def _pose(scored: Sequence[Scored]) -> dict[str, Any]:
    """Errors of the final poses, and of the coarse ones, of the queries whose true pose is known."""
    summary: dict[str, Any] = {}
    for column, key in (("world_to_camera", None), ("coarse_world_to_camera", "coarse")):
        posed = [
            (row, truth.world_to_camera)
            for row, truth in scored
            if row.get(column) is not None and truth.world_to_camera is not None
        ]
        true = np.array([pose for _, pose in posed], dtype=np.float64).reshape(-1, 4, 4)
        metrics = pose_metrics(matrices([row for row, _ in posed], column), true)
        if key is None:
            summary.update(metrics)
        elif metrics:
            summary[key] = metrics
    return summary


def _seconds(run: RunFolder, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Fit stages as recorded; the distribution over queries of each query stage and of their sum."""
    content: dict[str, Any] = {
        stage: float(seconds) for stage, seconds in run.info["seconds"].items() if stage.startswith("fit.")
    }
    columns = sorted({column for row in rows for column in row if column.startswith("seconds.")})
    table = np.array([[row[column] for column in columns] for row in rows], dtype=np.float64)
    table = table.reshape(len(rows), len(columns))
    stages = {column.removeprefix("seconds."): table[:, index] for index, column in enumerate(columns)}
    if columns:
        stages["total"] = table.sum(axis=1)
    summaries = {stage: _summary(values[np.isfinite(values)]) for stage, values in stages.items()}
    if query := {stage: summary for stage, summary in summaries.items() if summary}:
        content["query"] = query
    return content


def _summary(seconds: NDArray[np.float64]) -> dict[str, float | int]:
    if len(seconds) == 0:
        return {}
    return {
        "mean": float(np.mean(seconds)),
        "median": float(np.median(seconds)),
        "p95": float(np.percentile(seconds, 95)),
        "n": len(seconds),
    }
