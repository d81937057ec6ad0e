"""How long a run takes here: the components of a method tried for seconds on one scene, and scaled to the recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from padbench.doctor.training_scenes import TRIED_SCENES, CountedLink, Training, WatchedScenes
from padbench.errors import UserError
from padbench.interfaces import FittedScene, HasTrial, Item, Poses, Rendering, Runtime, Trial
from padbench.methods import Component, Method
from padbench.scene import Scene, Task
from padbench.subsets import subset_scenes
from padbench.timing import StageClock, timer_for

if TYPE_CHECKING:
    from torch import Tensor

_PATIENCE = 60.0


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run: to fit one task, for one query, and for the whole data set.

    tried: what was measured of each component that was not run as a whole, such as "3dgs: 300 of 5,000 iterations".
    """

    fit: float
    query: float
    total: float
    tried: tuple[str, ...]


@dataclass(frozen=True)
class _Tried:
    """A component after its trial, with the seconds that the recipe would take, and what was tried of it.

    query: of the batch tried. left_out: of these seconds those that the component as tried does not take.
    """

    fitted: Any
    fit: float
    query: float
    result: Any
    note: str | None
    left_out: float = 0.0


@dataclass(frozen=True)
class _Run:
    """A component that was run once: what it is now, the seconds of its fit and of its queries, what it gave.

    training: of a detector that learns from other scenes than those of the test; its fit is scaled to all of them.
    """

    fitted: Any
    fit: float
    query: float
    result: Any
    training: Training | None = None


class _Watch:
    """Progress that notes how long the items of a loop take, and ends a trial that takes too long."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _PATIENCE
        self._loops: list[list[float]] = []

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        """Yield the items; raises UserError when patience is at its end."""
        moments = [time.monotonic()]
        self._loops.append(moments)
        for item in items:
            if time.monotonic() > self._until:
                raise UserError(f"a trial takes more than {_PATIENCE:.0f} s")
            yield item
            moments.append(time.monotonic())

    def seconds_per_item(self, count: int) -> float:
        """Of the longest loop over so many items, in its second half; raises UserError where there was none."""
        loops = [moments for moments in self._loops if len(moments) == count + 1]
        if not loops:
            raise UserError(f"its trial reports no loop of {count} steps: name two numbers of steps to try")
        longest = max(loops, key=lambda moments: moments[-1] - moments[0])
        half = longest[count // 2 :]
        return (half[-1] - half[0]) / (len(half) - 1)


@dataclass
class Trials:
    """Tries methods on the first task of a data set.

    factory: the data set's reader. device: "cpu" or "cuda". Components that methods share are tried once.
    """

    factory: Any
    device: str
    _known: dict[str, _Tried] = field(default_factory=dict)
    _shown: dict[str, Any] = field(default_factory=dict)
    _tasks: dict[int | None, tuple[Task, int, int]] = field(default_factory=dict)

    def estimate(self, method: Method) -> Estimate:
        """Try the method; raises UserError with the reason where it cannot run on this data set.

        Fit and query are those of the first task; the total takes every task to cost the same but for its queries.
        Every scene of a task is taken to cost what the first one does.
        """
        task, tasks, queries = self._task(method.image_size)
        scene = task.test[0].without_queries()
        batch = task.test[0].queries[: method.batch_size]
        images = self._images([query.image() for query in batch])
        tried: list[_Tried] = []
        representation: Any = None
        context = repr(method.image_size)
        if (component := method.representation) is not None:
            context += repr(component.to_dict())
            tried.append(self._of(context, partial(self._representation, component, scene)))
            representation = tried[-1].fitted
        links: list[Any] = []
        poses: Poses | None = None
        for component in method.pose:
            context += repr(component.to_dict())
            tried.append(self._of(context, partial(self._link, component, scene, representation, images, poses)))
            links.append(tried[-1].fitted)
            poses = tried[-1].result
        rendering: Rendering | None = None
        if representation is not None and poses is not None:
            tried.append(self._of(context + "render", partial(self._render, representation, poses)))
            rendering = tried[-1].result
        parts = list(tried)
        tested = FittedScene(scene, representation, links)
        training = partial(self._training, method, task, tested, parts, len(batch))
        context += repr((method.detector.to_dict(), method.training_share))
        tried.append(self._of(context, partial(self._detector, method.detector, training, images, rendering)))
        fit = len(task.test) * sum(part.fit for part in parts) + tried[-1].fit
        query = sum(part.query for part in tried) / len(batch)
        # The first batch of every task is run twice.
        total = tasks * fit + (queries + tasks * len(batch)) * query
        notes = tuple(dict.fromkeys(part.note for part in tried if part.note))
        return Estimate(fit, query, total, notes)

    def _task(self, image_size: int | None) -> tuple[Task, int, int]:
        """The first task, and how many tasks and queries there are in all."""
        if image_size not in self._tasks:
            reader = self.factory(None, image_size=image_size)
            tasks = [reader.task(name) for name in reader.classes()]
            queries = sum(len(scene.queries) for task in tasks for scene in task.test)
            self._tasks[image_size] = (tasks[0], len(tasks), queries)
        return self._tasks[image_size]

    def _images(self, images: list[Tensor]) -> Tensor:
        import torch

        return torch.stack(images).to(self.device)

    def _of(self, key: str, trial: Callable[[], _Tried]) -> _Tried:
        if key not in self._known:
            self._known[key] = trial()
        return self._known[key]

    def _seconds(self, action: Callable[[], Any]) -> tuple[float, Any]:
        clock = StageClock(timer_for(self.device))
        with clock.stage("trial"):
            result = action()
        return clock.take()["trial"], result

    def _representation(self, component: Component, scene: Scene) -> _Tried:
        def run(built: Any) -> _Run:
            seconds, _ = self._seconds(lambda: built.fit(scene))
            return _Run(built, seconds, 0.0, None)

        return self._scaled(component, run)

    def _link(
        self, component: Component, scene: Scene, representation: Any, images: Tensor, poses: Poses | None
    ) -> _Tried:
        def run(built: Any) -> _Run:
            fit, _ = self._seconds(lambda: built.fit(scene, representation))
            built.estimate(images, poses)  # what is slow at first use only
            query, found = self._seconds(lambda: built.estimate(images, poses))
            return _Run(built, fit, query, found)

        return self._scaled(component, run)

    def _render(self, representation: Any, poses: Poses) -> _Tried:
        representation.render(poses[:1])
        query, rendering = self._seconds(lambda: representation.render(poses))
        return _Tried(None, 0.0, query, rendering, None)

    def _detector(
        self,
        component: Component,
        training: Callable[[Callable[[Sequence[FittedScene]], None]], tuple[float, Training | None]],
        images: Tensor,
        rendering: Rendering | None,
    ) -> _Tried:
        def run(built: Any) -> _Run:
            fit, learnt_from = training(built.fit)
            built.score(images, rendering)  # what is slow at first use only
            query, found = self._seconds(lambda: built.score(images, rendering))
            return _Run(built, fit, query, found, learnt_from)

        return self._scaled(component, run)

    def _training(
        self,
        method: Method,
        task: Task,
        tested: FittedScene,
        tried: Sequence[_Tried],
        batch: int,
        fit: Callable[[Sequence[FittedScene]], None],
    ) -> tuple[float, Training | None]:
        """Fit a detector on the first training scenes; the seconds on all of them, theirs included, and how many.

        tested: the test scene, on which methods of posed views are fitted. tried: the parts of the method that were
        tried on it with a batch of so many queries: representation and pose chain.
        """
        scenes = subset_scenes(task.fit, method.training_share, 0)
        if scenes[0].name == tested.scene.name:
            return self._seconds(lambda: fit([tested]))[0], None
        known, chains = [], []
        for index in range(min(TRIED_SCENES, len(scenes))):
            fitted, links = self._fitted(method, scenes[index])
            known.append(fitted)
            chains.append(links)
        asked = WatchedScenes(known)
        seconds, _ = self._seconds(lambda: fit(asked))
        if not asked.used:
            return seconds, None
        learnt_from = Training(len(known), len(scenes))
        parts = iter(tried)
        each = next(parts).fit if method.representation is not None else 0.0
        for place, part in zip(range(len(method.pose)), parts, strict=False):
            # The links as tried take fewer steps than those of the recipe.
            estimated = sum(chain[place].images for chain in chains)
            seconds += estimated * part.left_out / batch
            each += part.fit if estimated else 0.0
        return learnt_from.factor * seconds + len(scenes) * each, learnt_from

    def _fitted(self, method: Method, scene: Scene) -> tuple[FittedScene, list[CountedLink]]:
        """A training scene with representation and pose chain as they are tried."""
        runtime = Runtime(self.device, 0, _Watch())
        representation: Any = None
        if method.representation is not None:
            key = repr((method.image_size, method.representation.to_dict(), scene.name))
            if key not in self._shown:
                self._shown[key] = _as_tried(method.representation).build(runtime)
                self._shown[key].fit(scene)
            representation = self._shown[key]
        links = []
        for component in method.pose:
            link: Any = _as_tried(component).build(runtime)
            link.fit(scene, representation)
            links.append(CountedLink(link))
        return FittedScene(scene, representation, links), links  # type: ignore[arg-type]

    def _scaled(self, component: Component, run: Callable[[Any], _Run]) -> _Tried:
        """Run the component as it is, or smaller where it has a trial, and add the time of the steps left out."""
        trial = component.factory.trial if isinstance(component.factory, HasTrial) else None
        if trial is None or component.parameters[trial.parameter] <= trial.tries[-1]:
            whole, _ = self._run(component, run)
            note = f"{component.name}: {_share(whole.training)}" if whole.training else None
            return _Tried(whole.fitted, whole.fit, whole.query, whole.result, note)
        parameters = component.parameters
        smaller = _smaller(component, trial)
        factor = math.prod(parameters[name] / value for name, value in smaller.items())
        *earlier, most = trial.tries
        first: _Run | None = None
        for count in earlier:
            first, _ = self._run(_changed(component, trial, count, smaller), run)
        last, watch = self._run(_changed(component, trial, most, smaller), run)
        if first is None:
            fit_step, query_step = watch.seconds_per_item(most), 0.0
            fit_step *= last.training.factor if last.training else 1.0
        else:
            # Noise may make more steps take less time: no line goes down.
            fit_step, query_step = (
                max(0.0, more - less) / (most - earlier[-1])
                for more, less in ((last.fit, first.fit), (last.query, first.query))
            )
        left_out = parameters[trial.parameter] - most
        parts = [f"{most:,} of {parameters[trial.parameter]:,} {trial.parameter}"]
        parts += [f"{value} of {parameters[name]} {name}" for name, value in smaller.items()]
        parts += [_share(last.training)] if last.training else []
        return _Tried(
            last.fitted,
            factor * (last.fit + left_out * fit_step),
            last.query + left_out * query_step,
            last.result,
            f"{component.name}: {', '.join(parts)}",
            left_out * query_step,
        )

    def _run(self, component: Component, run: Callable[[Any], _Run]) -> tuple[_Run, _Watch]:
        watch = _Watch()
        return run(component.build(Runtime(self.device, 0, watch))), watch


def _as_tried(component: Component) -> Component:
    """The component with the numbers that `Trials` tried it with."""
    trial = component.factory.trial if isinstance(component.factory, HasTrial) else None
    if trial is None or component.parameters[trial.parameter] <= trial.tries[-1]:
        return component
    return _changed(component, trial, trial.tries[-1], _smaller(component, trial))


def _smaller(component: Component, trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.scaled.items() if component.parameters[name] > value}


def _share(training: Training) -> str:
    return f"{training.tried} of {training.scenes:,} training scenes"


def _changed(component: Component, trial: Trial, count: int, smaller: dict[str, Any]) -> Component:
    parameters = {**component.parameters, **trial.settings, **smaller, trial.parameter: count}
    return replace(component, parameters=parameters)
