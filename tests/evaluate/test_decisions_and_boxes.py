"""Accuracy and box overlap of detectors that decide and that give boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluate.run_folders import TASK, perfect_map, write_run
from padbench.metrics.unit import measure
from padbench.plugins import load_plugins
from padbench.report.pictures import draw_pictures
from padbench.scene import GroundTruth

SIZE = 256
BOX = (40.0, 60.0, 80.0, 40.0)


def boxed_truth() -> list[GroundTruth]:
    """The queries of bricks, the defects in a box."""
    known = load_plugins().resolve("dataset", "bricks")(None).ground_truth(TASK)
    return [replace(truth, box=BOX if truth.anomalous else None) for truth in known]


def half_map(truth: GroundTruth) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The mask at half its size: predictions may be smaller than the images on the disk."""
    return perfect_map(truth)[::2, ::2]


def test_boxes_are_compared_at_the_size_on_the_disk(tmp_path: Path) -> None:
    """Found in the smaller image, half as wide as the true one: an overlap of one half."""
    found = [BOX[0] / 2, BOX[1] / 2, BOX[2] / 4, BOX[3] / 2]
    run = write_run(tmp_path, half_map, columns=lambda truth: {"box": found})
    metrics = measure(run, boxed_truth())
    assert metrics["mean_iou"] == pytest.approx(0.5)
    assert {name: of["mean_iou"] for name, of in metrics["by_defect"].items()} == pytest.approx(
        dict.fromkeys(("Burrs", "Missing", "Stains"), 0.5)
    )
    assert metrics["auc"] == metrics["image_auroc"]


def test_a_detector_that_misses_one_box_has_no_mean(tmp_path: Path) -> None:
    """A mean over some of the defects would flatter it."""
    run = write_run(tmp_path, columns=lambda truth: {"box": None if truth.query_id == "Burrs_0" else list(BOX)})
    assert "mean_iou" not in measure(run, boxed_truth())


def test_accuracy_counts_right_decisions(tmp_path: Path) -> None:
    """Scores are 1 for defects and 0 else; a threshold of 1 lets every defect pass, one below -1 none."""
    truths = boxed_truth()
    defects = sum(truth.anomalous for truth in truths) / len(truths)
    expected = {0.5: 1.0, 1.0: 1 - defects, -2.0: defects}
    for threshold, accuracy in expected.items():
        run = write_run(tmp_path / str(threshold), columns=lambda truth, at=threshold: {"threshold": at})  # type: ignore[misc]
        assert measure(run, truths)["accuracy"] == pytest.approx(accuracy)


def test_without_a_threshold_or_boxes_nothing_is_said_of_them(tmp_path: Path) -> None:
    """The data set may have boxes, the detector may not."""
    metrics = measure(write_run(tmp_path), boxed_truth())
    assert not {"accuracy", "mean_iou"} & metrics.keys()


def test_pictures_show_both_boxes(tmp_path: Path) -> None:
    """The true one in the colour of the outline, the found one in another, of defects only."""
    dataset = load_plugins().resolve("dataset", "bricks")(None)
    queries = [query for scene in dataset.task(TASK).test for query in scene.queries]
    run = write_run(tmp_path, reference="mesh", columns=lambda truth: {"box": [10.0, 10, 30, 30]})
    for file, truth in zip(draw_pictures(run, queries, boxed_truth()), boxed_truth(), strict=True):
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        found = (pixels == (235, 0, 160)).all(axis=2).sum()
        # Two panels of 360 px with a square of 30 / 256 of it, drawn two pixels wide.
        assert found == pytest.approx(2 * (43**2 - 39**2), rel=0.1) if truth.anomalous else found == 0
