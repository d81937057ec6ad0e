"""From a finished run to its metrics.json and pictures: reads what was stored and the data set, runs no method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from padbench.atomic import write_json_atomically
from padbench.datasets import open_dataset
from padbench.errors import UserError
from padbench.interfaces import Dataset
from padbench.metrics.unit import measure
from padbench.plugins import load_plugins
from padbench.store import RunFolder


def evaluate(run: RunFolder) -> dict[str, Any]:
    """Compute the metrics of a finished unit, write them as metrics.json into its folder and return them.

    Raises UserError when the unit is not done, when the data set is missing or has changed since the run, and when
    predictions and data set do not fit together; an older metrics.json is then left as it was.
    """
    _require_done(run)
    metrics = measure(run, dataset_of(run).ground_truth(run.unit.task))
    write_json_atomically(run.path / "metrics.json", metrics)
    return metrics


def write_pictures(run: RunFolder) -> list[Path]:
    """Draw each query with its rendering, anomaly map and ground truth into pictures/ of the unit's folder.

    Returns the files in the order of the predictions. Raises UserError as `evaluate` does.
    """
    from padbench.report.pictures import draw_pictures

    _require_done(run)
    dataset = dataset_of(run)
    queries = [query for scene in dataset.task(run.unit.task).test for query in scene.queries]
    return draw_pictures(run, queries, dataset.ground_truth(run.unit.task))


def dataset_of(run: RunFolder, image_size: int | None = None) -> Dataset:
    """Open the data set the unit was run on and make sure that it is still the same.

    image_size: longer side of the images in px, None for that of the run. Raises UserError when the data set is
    missing, damaged or has changed since the run.
    """
    described = run.info["dataset"]
    size = image_size or described["image_size"]
    dataset = open_dataset(load_plugins(), described["name"], Path(described["root"]), size)
    if dataset.data_hash(run.unit.task) != run.info["hashes"]["data"]:
        raise UserError(
            f"the data of {run.unit.task} in {described['root']} is not what {run.path} was run on; restore it, or run "
            "the unit again with --overwrite"
        )
    return dataset


def _require_done(run: RunFolder) -> None:
    if run.info["status"] != "done":
        raise UserError(
            f"{run.path} is not finished (status {run.info['status']!r}); the same 'padbench run' command resumes it"
        )
