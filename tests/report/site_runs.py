"""Evaluated runs of two methods on two classes of bricks, one of them with a hostile name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.run_folders import perfect_map, write_run
from leaderboard.unit_folders import HARDWARE
from padbench.evaluate import evaluate
from padbench.scene import GroundTruth
from padbench.store import RunFolder

HOSTILE = 'x"><img src=q onerror=hacked()><script>hacked()'
TASKS = ("01Duck", "02Truck")
INFO: dict[str, Any] = {
    "hardware": HARDWARE,
    "plugins": {"padbench_oracle": "oracle 1.0"},
    "libraries": {"python": "3.12.0"},
    "weights": {"oracle.pth": "5af3"},
    "fit_seconds": {"representation": 60.0},
    "warmup_queries": 1,
    "sessions": 1,
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:10:00+00:00",
    "peak_memory_bytes": {"host": 2**30, "device": None},
    "error": None,
}


def confused_map(truth: GroundTruth) -> NDArray[np.float32]:
    """The mask, much weaker for burrs, and a spot on the first normal queries that outshines these."""
    anomaly_map = perfect_map(truth)
    if truth.defect == "Burrs":
        anomaly_map = anomaly_map * np.float32(0.2)
    elif truth.query_id in ("good_0", "good_1"):
        anomaly_map[40:60, 40:60] = 0.5
    return anomaly_map


def write_runs(out: Path) -> list[RunFolder]:
    """A perfect method and a confused one of a hostile name."""
    runs = []
    for task in TASKS:
        runs.append(write_run(out, renderings=True, task=task, **INFO))
        runs.append(write_run(out, confused_map, method=HOSTILE, task=task, turned_by_degrees=3.0, **INFO))
    for run in runs:
        evaluate(run)
    return runs
