"""Toy components that take as long as a clock is told, which stands still otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from harness.toy import SIZE, Difference, FirstView, MeanView, ToyDataset
from padbench.interfaces import FittedScene, Poses, Prediction, Rendering, Representation, Runtime, Trial
from padbench.scene import LabelledImage, Scene, Task
from padbench.weights import WeightFile

RECIPE = """
method: timed
summary: takes its time
reference: posed-views
paper: {title: None, venue: none, year: 2000, url: none}
code: {url: null, licence: null}
deviations: {}
profiles:
  lite:
    image_size: 12
    representation: {name: timed-view, iterations: 5000}
    pose: [{name: timed-pose, steps: 300}, {name: timed-training}]
    detector: {name: timed-difference}
"""


class Clock:
    """A timing device and a clock that components turn on."""

    now: ClassVar[float] = 0.0

    def monotonic(self) -> float:
        return Clock.now

    def mark(self) -> float:
        return Clock.now

    def seconds(self, start: float, end: float) -> float:
        return end - start

    def synchronise(self) -> None:
        pass


class TimedView(MeanView):
    """Fits in 5 s and 2 s an iteration, the first one 20 s; each is reported."""

    trial = Trial("iterations", (10,), settings={"gain": 1.0})

    def __init__(self, runtime: Runtime, *, iterations: int, gain: float = 0.0) -> None:
        super().__init__(runtime, gain=gain, iterations=iterations)
        self.progress = runtime.progress

    def fit(self, scene: Scene) -> None:
        if self.gain == 0 and self.iterations < 5000:
            raise ValueError("the check of a whole training")
        for _ in self.progress.track(scene.views, "reading"):
            Clock.now += 5 / len(scene.views)
        for step in self.progress.track(range(self.iterations), "training"):
            Clock.now += 2 if step else 20
        super().fit(scene)

    def render(self, cameras: Any) -> Rendering:
        Clock.now += 0.5
        return super().render(cameras)


class TimedPose(FirstView):
    """A query takes 3 s and 0.25 s a step, which nobody reports; 100 s more at first use."""

    trial = Trial("steps", (10, 30))
    used = False

    def __init__(self, runtime: Runtime, *, steps: int) -> None:
        self.steps = steps

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        Clock.now += 1
        super().fit(scene, representation)

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:
        Clock.now += 3 + 0.25 * self.steps + (0 if TimedPose.used else 100)
        TimedPose.used = True
        return super().estimate(images, initial)


class TimedTraining(FirstView):
    """Fits in 4 s and 3 s an epoch for every copy."""

    trial = Trial("epochs", (2,), scaled={"copies": 1})

    def __init__(self, runtime: Runtime, *, epochs: int = 10, copies: int = 6) -> None:
        self.epochs, self.copies, self.progress = epochs, copies, runtime.progress

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        Clock.now += 4 * self.copies
        for _ in self.progress.track(range(self.epochs), "training"):
            Clock.now += 3 * self.copies
        super().fit(scene, representation)

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:
        assert initial is not None
        return initial


class TimedDifference(Difference):
    """Scores in 0.125 s."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        Clock.now += 0.75

    def score(self, images: Tensor, references: Rendering | None) -> Prediction:
        Clock.now += 0.125
        return super().score(images, references)


class TimedLearner(TimedDifference):
    """Fits in 7 s a training scene, the poses of its images, and 2 s an epoch for every scene."""

    trial = Trial("epochs", (1, 3))

    def __init__(self, runtime: Runtime, *, epochs: int = 10) -> None:
        super().__init__(runtime)
        self.epochs = epochs

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        for known in fitted:
            Clock.now += 7
            for image in known.scene.labelled:
                poses = None
                for link in known.pose:
                    poses = link.estimate(image.image()[None], poses)
        Clock.now += 2 * self.epochs * len(fitted)


class ToyShapes(ToyDataset):
    """One class of three shapes with meshes, six queries of each, and forty others with two labelled images each."""

    references: ClassVar[tuple[str, ...]] = ("mesh", "images")

    def classes(self) -> Sequence[str]:
        return ["A"]

    def task(self, name: str) -> Task:
        (scene,) = super().task(name).test
        labels = [LabelledImage(str(i), lambda: np.zeros((SIZE, SIZE, 3), np.float32), None) for i in range(2)]
        training = [
            replace(scene, name=f"training {i}", queries=(), mesh=Path("a.obj"), labelled=labels) for i in range(40)
        ]
        return Task(name, training, [replace(scene, name=f"test {i}", mesh=Path("b.obj")) for i in range(3)])


class Weighed(Difference):
    """Loads a weight file."""

    FILE = WeightFile("toy.pth", "https://x.org/toy.pth", "MIT", None, size=3)

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        return [cls.FILE]
