"""A toy data set and toy components: small, deterministic, and able to fail on command."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from padbench.hookspecs import Registry, hookimpl
from padbench.interfaces import FittedScene, Poses, Prediction, Rendering, Representation, Runtime
from padbench.plugins import Origin, Plugins
from padbench.scene import Camera, Cameras, GroundTruth, Query, Scene, Task, View

SIZE = 12
QUERIES = 6
RECIPE = """
method: toy
summary: the mean view, compared by absolute difference
reference: posed-views
paper: {title: None, venue: none, year: 2000, url: none}
code: {url: null, licence: null}
deviations: {lite: [it is a toy]}
profiles:
  lite:
    image_size: 12
    batch_size: 1
    representation: {name: mean-view}
    pose: [{name: first-view}, {name: nudge}]
    detector: {name: difference}
"""


class Events:
    """What the toy components did, and when they should fail."""

    log: list[str]
    interrupt_at: int | None
    fail_on: set[int]

    @classmethod
    def reset(cls) -> None:
        cls.log = []
        cls.interrupt_at = None
        cls.fail_on = set()


def _image(seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((SIZE, SIZE, 3), dtype=np.float32)


def _camera(index: int) -> Camera:
    pose = np.eye(4)
    pose[:3, 3] = (0, 0, 3 + index)
    return Camera(np.array([[10.0, 0, 6], [0, 10, 6], [0, 0, 1]]), pose, SIZE, SIZE)


class ToyDataset:
    """Two classes of six queries, without files."""

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        self.root = root or Path("nowhere")
        self.version = "1"

    def classes(self) -> Sequence[str]:
        return ["A", "B"]

    def task(self, name: str) -> Task:
        base = 100 * self.classes().index(name)
        views = [View(str(i), _camera(i), lambda i=i: _image(base + i)) for i in range(3)]  # type: ignore[misc]
        queries = [
            Query(f"query_{i}", lambda i=i: _image(base + 50 + i))  # type: ignore[misc]
            for i in range(QUERIES)
        ]
        scene = Scene(name, views, queries)
        return Task(name, [scene], [scene])

    def ground_truth(self, name: str) -> Sequence[GroundTruth]:
        return [
            GroundTruth(
                f"query_{i}",
                "Stain" if i % 2 else None,
                (lambda: np.eye(SIZE, dtype=bool)) if i % 2 else None,
                world_to_camera=_camera(0).world_to_camera,
            )
            for i in range(QUERIES)
        ]

    def data_hash(self, name: str) -> str:
        return hashlib.sha256(f"{name} {self.version}".encode()).hexdigest()

    def check(self) -> Sequence[str]:
        return []


class MeanView:
    """Renders the mean of the normal views, plus a seeded offset that must survive save and load."""

    def __init__(self, runtime: Runtime, *, gain: float = 1.0, iterations: int = 2) -> None:
        self.generator = torch.Generator().manual_seed(runtime.seed)
        self.gain, self.iterations = gain, iterations

    def fit(self, scene: Scene) -> None:
        assert not scene.queries, "a component must not see queries"
        if self.iterations < 1:
            raise ValueError("the toy cannot be fitted")
        Events.log += ["fit representation", f"{len(scene.views)} views"]
        mean = torch.stack([view.image() for view in scene.views]).mean(0)
        self.mean = self.gain * mean + 0.01 * torch.rand(1, generator=self.generator)

    def render(self, cameras: Cameras) -> Rendering:
        Events.log.append(f"render {len(cameras)}")
        rgb = self.mean.expand(len(cameras), -1, -1, -1)
        plane = torch.ones(len(cameras), 1, SIZE, SIZE)
        return Rendering(rgb, plane, plane)

    def save(self, folder: Path) -> None:
        torch.save(self.mean, folder / "mean.pt")

    def load(self, folder: Path) -> None:
        Events.log.append("load representation")
        self.mean = torch.load(folder / "mean.pt", weights_only=True)


class FirstView:
    """Says that every query was taken from the first view."""

    def __init__(self, runtime: Runtime) -> None:
        pass

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        Events.log += ["fit pose", f"{len(scene.views)} views"]
        self.camera = scene.views[0].camera

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:
        assert initial is None
        Events.log.append(f"coarse {len(images)}")
        return Cameras.stack([self.camera] * len(images))

    def save(self, folder: Path) -> None:
        pass

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        self.fit(scene, representation)


class Nudge(FirstView):
    """Moves the camera by a tenth along its axis."""

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:
        assert initial is not None
        Events.log.append(f"refine {len(images)}")
        moved = initial.world_to_camera.clone()
        moved[:, 2, 3] += 0.1
        return Cameras(initial.K, moved, initial.width, initial.height)


class Difference:
    """Absolute difference of colours."""

    calls = 0

    def __init__(self, runtime: Runtime, *, power: Any = 1, mode: str = "mean") -> None:
        self.power = power

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        Events.log += ["fit detector", f"{len(fitted[0].scene.views)} views"]

    def score(self, images: Tensor, references: Rendering | None) -> Prediction:
        Events.log.append(f"score {len(images)}")
        number = sum(entry.startswith("score") for entry in Events.log)
        if number == Events.interrupt_at:
            raise KeyboardInterrupt
        if number in Events.fail_on:
            raise RuntimeError("the toy broke")
        assert references is not None
        anomaly_map = (images - references.rgb).abs().mean(1) ** self.power
        return Prediction(anomaly_map, anomaly_map.amax((1, 2)))

    def save(self, folder: Path) -> None:
        pass

    def load(self, folder: Path, fitted: Sequence[FittedScene]) -> None:
        pass


def toy_plugins(folder: Path, recipe: str = RECIPE) -> Plugins:
    """Plugins that hold nothing but the toys; the recipe is written into the folder."""
    path = folder / "toy.yaml"
    path.write_text(recipe)

    module = ModuleType("toy_plugin")

    @hookimpl
    def padbench_register(registry: Registry) -> None:
        registry.dataset("toys", "harness.toy:ToyDataset")
        registry.representation("mean-view", "harness.toy:MeanView")
        registry.pose_estimator("first-view", "harness.toy:FirstView")
        registry.pose_estimator("nudge", "harness.toy:Nudge")
        registry.detector("difference", "harness.toy:Difference")
        registry.method("toy", path)

    module.padbench_register = padbench_register  # type: ignore[attr-defined]
    module.padbench_api_version = 1  # type: ignore[attr-defined]
    plugins = Plugins()
    plugins.add(module, Origin("toys", "1.0", "toy_plugin"))
    assert not plugins.broken, plugins.broken
    return plugins
