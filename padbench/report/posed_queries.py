"""A scene of a run in space: its fitted Gaussians, and where each query was taken from, estimated and true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from padbench.errors import UserError, nearest
from padbench.evaluate import dataset_of
from padbench.interfaces import HasSplats, Progress, Runtime, Splats
from padbench.metrics.pose import rotation_errors
from padbench.metrics.unit import Scored, failed, matrices, paired_with_truth, records
from padbench.plugins import load_plugins
from padbench.scene import Camera, Matrix, Query
from padbench.store import POSE_COLUMNS, RunFolder


@dataclass(frozen=True)
class PosedQuery:
    """A query and its cameras as far as they are known.

    cameras: "coarse", "estimated" and "true" -> (4, 4) float64 world to camera, OpenCV axes. errors: of "coarse" and
    "estimated" against the true camera, degrees of rotation.
    """

    query: Query
    defect: str | None
    score: float
    cameras: dict[str, Matrix]
    errors: dict[str, float]

    def pixels(self) -> NDArray[np.float32]:
        """The query image, (H, W, 3) RGB in [0, 1]."""
        return self.query.load()


@dataclass(frozen=True)
class PosedScene:
    """What there is to see of a scene.

    camera: of a normal view; queries are drawn with its K and image size. splats: None where the representation has
    none. unshown: a sentence about that.
    """

    name: str
    camera: Camera
    splats: Splats | None
    queries: tuple[PosedQuery, ...]
    unshown: str | None


def read_posed_scene(run: RunFolder, progress: Progress, scene: str | None = None) -> PosedScene:
    """Read a scene of a unit, the first that has predictions unless it is named, with its fitted representation.

    Raises UserError for an unknown scene, when no pose was predicted, when the representation is not there or damaged,
    and when the data set is missing or has changed since the run.
    """
    dataset = dataset_of(run)
    scored = {
        row["id"]: (row, truth)
        for row, truth in paired_with_truth(run, records(run), dataset.ground_truth(run.unit.task))
        if not failed(row) and any(row.get(column) is not None for column in POSE_COLUMNS)
    }
    if not scored:
        raise UserError(f"{run.path} holds no pose: {run.unit.method} estimates none, or no query is predicted yet")
    posed = [part for part in dataset.task(run.unit.task).test if any(query.id in scored for query in part.queries)]
    named = [part for part in posed if scene in (None, part.name)]
    if not named:
        raise UserError(f"{run.path} has no scene {scene!r}: {nearest(str(scene), [part.name for part in posed])}")
    chosen = named[0]
    splats, unshown = _splats(run, chosen.name, progress)
    queries = tuple(_posed(query, scored[query.id]) for query in chosen.queries if query.id in scored)
    return PosedScene(chosen.name, chosen.views[0].camera, splats, queries, unshown)


def _posed(query: Query, scored: Scored) -> PosedQuery:
    row, truth = scored
    columns = {"coarse": "coarse_world_to_camera", "estimated": "world_to_camera"}
    cameras = {name: matrices([row], column)[0] for name, column in columns.items() if row.get(column) is not None}
    errors = {}
    if truth.world_to_camera is not None:
        true = truth.world_to_camera
        errors = {name: float(np.rad2deg(rotation_errors(pose[None], true[None])[0])) for name, pose in cameras.items()}
        cameras["true"] = true
    return PosedQuery(query, truth.defect, float(row["image_score"]), cameras, errors)


def _splats(run: RunFolder, scene: str, progress: Progress) -> tuple[Splats | None, str | None]:
    recipe = run.recipe.get("representation")
    if recipe is None:
        return None, f"{run.unit.method} has no representation to show"
    parameters = {key: value for key, value in recipe.items() if key != "name"}
    factory = load_plugins().resolve("representation", recipe["name"])
    folder: Path = run.path / "model" / scene / "representation"
    if not folder.is_dir():
        raise UserError(f"{folder} is missing: run the unit again with --overwrite")
    representation = factory(Runtime("cpu", run.unit.seed, progress), **parameters)
    if not isinstance(representation, HasSplats):
        return None, f"the representation {recipe['name']!r} holds no Gaussians: only cameras are shown"
    representation.load(folder)  # type: ignore[attr-defined]
    return representation.splats(), None
