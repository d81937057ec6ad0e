"""Scenes are fitted when first asked for and kept on the disk: a task may have thousands of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import overload

from padbench.interfaces import FittedScene, PoseEstimator, Representation, Runtime
from padbench.methods import Method
from padbench.scene import Scene
from padbench.subsets import subset_views
from padbench.timing import StageClock, TimingDevice
from padbench.unit_record import UnitRecord


class SceneFitter:
    """Fits the representation and the pose chain of scenes, or restores what an earlier call or run has saved.

    device: measures the fits. runtime: what the component of a label is given. finished: told stage and seconds of
    every fit.
    """

    def __init__(
        self,
        method: Method,
        record: UnitRecord,
        seed: int,
        device: TimingDevice,
        runtime: Callable[[str], Runtime],
        finished: Callable[[str, float], None],
    ) -> None:
        self._method, self._record, self._seed = method, record, seed
        self._device, self._runtime, self._finished = device, runtime, finished
        self._latest: FittedScene | None = None
        self._aside = 0.0
        self._inside = False

    def open(self, scene: Scene) -> FittedScene:
        """The scene with its representation; its pose chain is fitted when asked for. The latest one is kept."""
        if self._latest is None or self._latest.scene.name != scene.name:
            self._latest = None  # frees its memory before the next one takes some
            seen = subset_views(scene.without_queries(), self._method.views, self._seed)
            with self._set_aside():
                representation = self._representation(seen)
            self._latest = FittedScene(seen, representation, _PoseChain(self, seen, representation, self._method))
        return self._latest

    def link(self, scene: Scene, representation: Representation | None, index: int) -> PoseEstimator:
        """The link of the pose chain at that place."""
        label = f"{scene.name}/pose.{index}"
        with self._set_aside():
            link: PoseEstimator = self._method.pose[index].build(self._runtime(label))
            self._record.restore_or_fit(
                label,
                link,
                lambda folder: link.load(folder, scene, representation),
                lambda: self.timed("fit.pose", lambda: link.fit(scene, representation)),
            )
        return link

    def timed(self, stage: str, fit: Callable[[], None]) -> float:
        """Call `fit`; returns the seconds it took without those spent on scenes it asked for."""
        before = self._aside
        clock = StageClock(self._device)
        with clock.stage(stage):
            fit()
        seconds = clock.take()[stage] - (self._aside - before)
        self._finished(stage, seconds)
        return seconds

    def _representation(self, scene: Scene) -> Representation | None:
        if self._method.representation is None:
            return None
        label = f"{scene.name}/representation"
        representation: Representation = self._method.representation.build(self._runtime(label))
        self._record.restore_or_fit(
            label,
            representation,
            representation.load,
            lambda: self.timed("fit.representation", lambda: representation.fit(scene)),
        )
        return representation

    @contextmanager
    def _set_aside(self) -> Iterator[None]:
        """Count the time of the body, saving and loading included, as that of scenes."""
        if self._inside:
            yield
            return
        self._inside = True
        clock = StageClock(self._device)
        try:
            with clock.stage("scenes"):
                yield
        finally:
            self._inside = False
        self._aside += clock.take()["scenes"]


class FittedScenes(Sequence[FittedScene]):
    """The scenes a detector learns from, each fitted when first asked for; one at a time is held in memory."""

    def __init__(self, fitter: SceneFitter, scenes: Sequence[Scene]) -> None:
        self._fitter, self._scenes = fitter, scenes

    def __len__(self) -> int:
        return len(self._scenes)

    @overload
    def __getitem__(self, index: int) -> FittedScene: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FittedScene]: ...

    def __getitem__(self, index: int | slice) -> FittedScene | Sequence[FittedScene]:
        if isinstance(index, slice):
            return FittedScenes(self._fitter, self._scenes[index])
        return self._fitter.open(self._scenes[index])


class _PoseChain(Sequence[PoseEstimator]):
    def __init__(
        self, fitter: SceneFitter, scene: Scene, representation: Representation | None, method: Method
    ) -> None:
        self._fitter, self._scene, self._representation = fitter, scene, representation
        self._links: list[PoseEstimator | None] = [None] * len(method.pose)

    def __len__(self) -> int:
        return len(self._links)

    @overload
    def __getitem__(self, index: int) -> PoseEstimator: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PoseEstimator]: ...

    def __getitem__(self, index: int | slice) -> PoseEstimator | Sequence[PoseEstimator]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        link = self._links[place] or self._fitter.link(self._scene, self._representation, place)
        self._links[place] = link
        return link
