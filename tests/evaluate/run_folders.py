"""Finished runs on the embedded bricks data set whose predictions are chosen, as `padbench run` leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from padbench.atomic import write_atomically, write_json_atomically
from padbench.plugins import load_plugins
from padbench.scene import GroundTruth
from padbench.store import RunFolder, Unit, write_anomaly_map, write_predictions, write_rendering

TASK = "01Duck"
MapOf = Callable[[GroundTruth], NDArray[np.float32]]


def perfect_map(truth: GroundTruth) -> NDArray[np.float32]:
    """The mask itself as the anomaly map, (256, 256)."""
    assert truth.load_mask is not None
    return truth.load_mask().astype(np.float32)


def write_run(
    out: Path,
    map_of: MapOf = perfect_map,
    *,
    method: str = "oracle",
    task: str = TASK,
    turned_by_degrees: float = 0.25,
    failed: tuple[str, ...] = (),
    limit: int | None = None,
    renderings: bool = False,
    reference: str = "posed-views",
    columns: Callable[[GroundTruth], dict[str, Any]] = lambda truth: {},
    **info: Any,
) -> RunFolder:
    """Predict the queries of a class: score = maximum of the map, poses turned, the coarse ones ten times as far.

    columns: further columns of a query's row.
    """
    dataset = load_plugins().resolve("dataset", "bricks")(None, image_size=None)
    unit = Unit("bricks", method, "lite", task, 0)
    folder = unit.folder(out)
    rows: list[dict[str, Any]] = []
    for index, truth in enumerate(dataset.ground_truth(task)[:limit]):
        if truth.query_id in failed:
            rows.append({"id": truth.query_id, "error": "ValueError: no match", "seconds.coarse": 9.0})
            continue
        anomaly_map = map_of(truth)
        rows.append(
            {
                "id": truth.query_id,
                "image_score": float(anomaly_map.max()),
                "coarse_world_to_camera": _turned(truth, 10 * turned_by_degrees),
                "world_to_camera": _turned(truth, turned_by_degrees),
                "seconds.coarse": 1.0,
                "seconds.detect": 0.1 * (index + 1),
                **columns(truth),
                **write_anomaly_map(folder, truth.query_id, anomaly_map),
            }
        )
        if renderings:
            write_rendering(folder, truth.query_id, np.full((256, 256, 3), 0.5, dtype=np.float32))
    write_predictions(folder, rows)
    recipe = {"method": unit.method, "profile": unit.profile, "reference": reference, "deviations": []}
    write_atomically(folder / "recipe.yaml", yaml.safe_dump(recipe).encode())
    write_json_atomically(
        folder / "unit.json",
        {
            "schema": 1,
            "status": "done",
            "unit": vars(unit),
            "protocol": "native",
            "limit": limit,
            "queries": len(dataset.ground_truth(task)),
            "dataset": {
                "name": "bricks",
                "root": str(dataset.root),
                "image_size": None,
                "classes": list(dataset.classes()),
                "hash": dataset.data_hash(task),
            },
            "hashes": {"recipe": f"recipe of {method}", "data": dataset.data_hash(task), "code": "code"},
            "seconds": {"fit.representation": 60.0, "fit.detector": 2.0},
        }
        | info,
    )
    return RunFolder(folder)


def _turned(truth: GroundTruth, degrees: float) -> list[float]:
    """The true pose, the camera turned about its own centre."""
    assert truth.world_to_camera is not None
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    pose: list[float] = (turn @ truth.world_to_camera).ravel().tolist()
    return pose
