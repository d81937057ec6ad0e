"""One unit of work: fit the components, predict every query once, write what was seen."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.fitting import FittedScenes, SceneFitter
from padbench.interfaces import (
    Dataset,
    Detector,
    FittedScene,
    HasCategories,
    Poses,
    Prediction,
    Progress,
    Rendering,
    Runtime,
    UsesWeights,
)
from padbench.methods import Method
from padbench.plugins import Plugins
from padbench.provenance import code_hash, hardware, libraries, plugin_versions
from padbench.scene import Query, Scene
from padbench.store import RunFolder, Unit, write_anomaly_map, write_rendering
from padbench.subsets import subset_scenes
from padbench.timing import HostMemory, StageClock, timer_for
from padbench.unit_record import UnitRecord, locked

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Settings:
    """How units are run, the same for all units of a command.

    out: folder of the results. device: "cpu" or "cuda". limit: predict only the first queries of each task.
    """

    out: Path
    device: str
    threads: int
    limit: int | None
    overwrite: bool
    progress: Progress


def run_unit(unit: Unit, method: Method, dataset: Dataset, plugins: Plugins, settings: Settings) -> RunFolder:
    """Run one unit to its end, or resume it at the first query that has no row.

    Raises UserError for bad input and whatever a component raises while fitting; both are recorded in unit.json. A
    query that a component fails on gets a row with the error, and the traceback goes to errors.log.
    """
    return _UnitRun(unit, method, dataset, plugins, settings).run()


class _UnitRun:
    def __init__(self, unit: Unit, method: Method, dataset: Dataset, plugins: Plugins, settings: Settings) -> None:
        self.unit, self.method, self.dataset, self.plugins, self.settings = unit, method, dataset, plugins, settings
        self.clock = StageClock(timer_for(settings.device))
        self.memory = HostMemory()

    def run(self) -> RunFolder:
        task = self.dataset.task(self.unit.task)
        todo = [(scene, query) for scene in task.test for query in scene.queries][: self.settings.limit]
        with locked(self.unit, self.settings.out) as folder:
            total = sum(len(scene.queries) for scene in task.test)
            description = self._describe(total)
            wanted = [query.id for _, query in todo]
            record = UnitRecord(folder, self.unit, self.method, description, wanted, self.settings.overwrite)
            predicted = record.predicted
            todo = [(scene, query) for scene, query in todo if query.id not in predicted]
            if record.info["status"] == "done" and not todo:
                return RunFolder(folder)
            self._notify("padbench_unit_started", unit=self.unit)
            self.memory.reset()
            self.clock.device.reset_peak_memory()
            record.info["status"] = "running"
            try:
                self._fit_and_predict(record, task.fit, todo)
            except BaseException as error:
                self._remember_peak(record)
                stopped = not isinstance(error, Exception)  # Ctrl-C: the unit waits to be resumed
                record.finish("running" if stopped else "failed", None if stopped else _sentence(error))
                raise
            self._remember_peak(record)
            record.info["limit"] = self.settings.limit if len(record.rows) < total else None
            record.finish("done")
            self._notify("padbench_unit_finished", unit=self.unit, result=record.info)
            return RunFolder(folder)

    def _describe(self, queries: int) -> dict[str, Any]:
        return {
            "protocol": self.method.protocol,
            "limit": self.settings.limit,
            "queries": queries,
            "dataset": {
                "name": self.unit.dataset,
                "root": str(self.dataset.root.resolve()),
                "image_size": self.method.image_size,
                "classes": list(self.dataset.classes()),
                "categories": dict(self.dataset.categories()) if isinstance(self.dataset, HasCategories) else {},
                "hash": self.dataset.data_hash(self.unit.task),
            },
            "hashes": {
                "recipe": self.method.hash(),
                "data": self.dataset.data_hash(self.unit.task),
                "code": code_hash({*self.method.packages(), type(self.dataset).__module__.partition(".")[0]}),
            },
            "plugins": plugin_versions(self.plugins),
            "hardware": hardware(self.settings.device, self.settings.threads),
            "libraries": libraries(),
        }

    def _fit_and_predict(
        self, record: UnitRecord, fit_scenes: Sequence[Scene], todo: Sequence[tuple[Scene, Query]]
    ) -> None:
        fitter = SceneFitter(
            self.method,
            record,
            self.unit.seed,
            self.clock.device,
            lambda label: self._runtime(record, label),
            lambda stage, seconds: self._notify(
                "padbench_stage_finished", unit=self.unit, stage=stage, seconds=seconds
            ),
        )
        fitted = FittedScenes(fitter, subset_scenes(fit_scenes, self.method.training_share, self.unit.seed))
        detector: Detector = self.method.detector.build(self._runtime(record, "detector"))
        record.restore_or_fit(
            "detector",
            detector,
            lambda folder: detector.load(folder, fitted),
            lambda: fitter.timed("fit.detector", lambda: detector.fit(fitted)),
        )
        warm = False
        for scene, queries in _by_scene(self.settings.progress.track(todo, f"{self.unit.task}: queries"), self.method):
            model = fitter.open(scene)
            links = list(model.pose)  # one that cannot be fitted is a fault of the unit, not of a query
            if not warm:
                self._remember_weights(record, [model.representation, *links, detector])
                record.info["warmup_queries"] += len(queries)
                self._warm_up(model, detector, queries)
                warm = True
            record.add(self._predict(record.folder, model, detector, queries))

    def _runtime(self, record: UnitRecord, label: str) -> Runtime:
        return Runtime(self.settings.device, self.unit.seed, self.settings.progress, record.scratch(label))

    def _warm_up(self, model: FittedScene, detector: Detector, queries: Sequence[Query]) -> None:
        """Run and discard the first queries, so that compilation and caches are not timed; their errors come again."""
        try:
            self._forward(model, detector, self._images(queries))
        except UserError:
            raise
        except Exception:
            return
        finally:
            self.clock.take()

    def _predict(
        self, folder: Path, model: FittedScene, detector: Detector, queries: Sequence[Query]
    ) -> list[dict[str, Any]]:
        images = self._images(queries)
        try:
            stages, coarse, poses, rendering, prediction = self._forward(model, detector, images)
            _check(images, prediction, poses)
        except UserError:
            raise
        except Exception as error:
            self.clock.take()
            ids = ", ".join(query.id for query in queries)
            log = folder / "errors.log"
            earlier = log.read_bytes() if log.exists() else b""
            write_atomically(log, earlier + f"{ids}\n{traceback.format_exc()}\n".encode())
            return [{"id": query.id, "error": _sentence(error)} for query in queries]
        if rendering is not None:
            # A mesh without texture has no colours to show.
            shown = rendering.depth_image().expand(-1, 3, -1, -1) if self.method.reference == "mesh" else rendering.rgb
            shown = shown[:: len(shown) // len(queries)]  # the first of several for each query
        rows = []
        for index, query in enumerate(queries):
            if rendering is not None:
                write_rendering(folder, query.id, shown[index].permute(1, 2, 0).cpu().numpy())
            scale = write_anomaly_map(folder, query.id, prediction.anomaly_map[index].cpu().numpy())
            row = {
                "id": query.id,
                "image_score": float(prediction.image_score[index]),
                "threshold": prediction.threshold,
                "box": None if prediction.box is None else prediction.box[index].tolist(),
                **scale,
                "coarse_world_to_camera": _pose(coarse, index, len(queries)),
                "world_to_camera": _pose(poses, index, len(queries)),
                "error": None,
            }
            for stage, seconds in stages.items():
                row[f"seconds.{stage}"] = seconds / len(queries)
                self._notify("padbench_stage_finished", unit=self.unit, stage=stage, seconds=seconds / len(queries))
            rows.append(row)
        return rows

    def _forward(
        self, model: FittedScene, detector: Detector, images: Tensor
    ) -> tuple[dict[str, float], Poses | None, Poses | None, Rendering | None, Prediction]:
        poses: Poses | None = None
        coarse: Poses | None = None
        rendering: Rendering | None = None
        for index, link in enumerate(model.pose):
            with self.clock.stage(("coarse", "refine")[index] if index < 2 else f"refine.{index}"):
                poses = link.estimate(images, poses)
            coarse = coarse or poses
        if model.representation is not None and poses is not None:
            with self.clock.stage("render"):
                rendering = model.representation.render(poses)
        with self.clock.stage("detect"):
            prediction = detector.score(images, rendering)
        return self.clock.take(), coarse, poses, rendering, prediction

    def _images(self, queries: Sequence[Query]) -> Tensor:
        import torch

        return torch.stack([query.image() for query in queries]).to(self.settings.device)

    def _remember_weights(self, record: UnitRecord, components: Sequence[Any]) -> None:
        weights: dict[str, str] = {}
        for component in components:
            if isinstance(component, UsesWeights):
                weights.update(component.weights())
        record.info["weights"] = weights

    def _remember_peak(self, record: UnitRecord) -> None:
        record.remember_peak(self.memory.peak(), self.clock.device.peak_memory())

    def _notify(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook; an observer that fails is reported once and never harms the run."""
        try:
            getattr(self.plugins.manager.hook, hook)(**arguments)
        except Exception as error:
            self.plugins.report_observer(hook, error)


def _by_scene(todo: Any, method: Method) -> Iterator[tuple[Scene, list[Query]]]:
    """Group consecutive queries of one scene into batches."""
    scene: Scene | None = None
    batch: list[Query] = []
    for next_scene, query in todo:
        if scene is not None and (next_scene is not scene or len(batch) == method.batch_size):
            yield scene, batch
            batch = []
        scene = next_scene
        batch.append(query)
    if scene is not None and batch:
        yield scene, batch


def _check(images: Tensor, prediction: Prediction, poses: Poses | None) -> None:
    count, height, width = images.shape[0], images.shape[2], images.shape[3]
    if tuple(prediction.anomaly_map.shape) != (count, height, width):
        raise ValueError(f"anomaly map has shape {tuple(prediction.anomaly_map.shape)}, not {(count, height, width)}")
    if tuple(prediction.image_score.shape) != (count,):
        raise ValueError(f"image score has shape {tuple(prediction.image_score.shape)}, not {(count,)}")
    for name, values in (("anomaly map", prediction.anomaly_map), ("image score", prediction.image_score)):
        if not bool(values.isfinite().all()):
            raise ValueError(f"{name} holds NaN or infinity")
    if poses is not None and (len(poses) == 0 or len(poses) % count):
        raise ValueError(f"{len(poses)} poses were estimated for {count} queries")
    if poses is not None and not bool(poses.world_to_camera.isfinite().all()):
        raise ValueError("estimated pose holds NaN or infinity")


def _pose(poses: Poses | None, index: int, queries: int) -> list[float] | None:
    if poses is None or len(poses) != queries:
        return None
    return poses.world_to_camera[index].detach().double().cpu().flatten().tolist()


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
