"""Scenes that are fitted when asked for: a task whose training scenes are not the tested ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import toy
from harness.test_runner import run
from harness.toy import Events, ToyDataset
from padbench.interfaces import FittedScene
from padbench.scene import Scene, Task

SCENES, PAUSE = 10, 0.05


class ManyScenes(ToyDataset):
    """Ten training scenes of three views, tested on another one."""

    def task(self, name: str) -> Task:
        test = super().task(name).test[0]
        return Task(name, [Scene(f"train_{index}", test.views) for index in range(SCENES)], [test])


@pytest.fixture(autouse=True)
def _events() -> None:
    Events.reset()


def fits(what: str) -> int:
    return Events.log.count(f"fit {what}")


def looking(seen: list[str], pause: float = 0.0) -> Any:
    """A `fit` that asks for every scene twice, its pose chain once."""

    def fit(self: Any, fitted: Sequence[FittedScene]) -> None:
        for scene in [*fitted, *fitted]:
            seen.append(scene.scene.name)
        assert len(fitted[0].pose) == 2
        time.sleep(pause)

    return fit


def test_a_detector_that_learns_nothing_costs_no_training_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the tested scene is fitted."""
    monkeypatch.setattr(toy.Difference, "fit", lambda self, fitted: None)
    result = run(tmp_path, dataset=ManyScenes(None))
    assert fits("representation") == 1
    assert [path.name for path in sorted((result.path / "model").iterdir())] == ["A", "detector"]


def test_every_scene_is_fitted_once_and_read_from_the_disk_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the pose chain, which nobody asks for, is left out; a resumed unit fits none of them again."""
    seen: list[str] = []
    monkeypatch.setattr(toy.Difference, "fit", looking(seen))
    run(tmp_path, limit=2, dataset=ManyScenes(None))
    assert seen == 2 * [f"train_{index}" for index in range(SCENES)]
    assert fits("representation") == SCENES + 1
    assert fits("pose") == 2, "of the tested scene alone"
    Events.reset()
    run(tmp_path, dataset=ManyScenes(None))
    assert fits("representation") == 0


def test_the_detector_does_not_pay_for_the_scenes_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting a scene takes long here; what the detector itself does takes a known time."""
    original = toy.MeanView.fit

    def slow(self: toy.MeanView, scene: Scene) -> None:
        time.sleep(PAUSE)
        original(self, scene)

    monkeypatch.setattr(toy.MeanView, "fit", slow)
    monkeypatch.setattr(toy.Difference, "fit", looking([], pause=3 * PAUSE))
    seconds = run(tmp_path, dataset=ManyScenes(None)).info["seconds"]
    assert seconds["fit.representation"] >= (SCENES + 1) * PAUSE
    assert 3 * PAUSE <= seconds["fit.detector"] < SCENES * PAUSE


def test_a_share_of_the_training_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller shares are subsets of larger ones, in order; the tested scene stays."""
    chosen: list[list[str]] = []
    for share in (0.2, 0.5, 1.0):
        seen: list[str] = []
        monkeypatch.setattr(toy.Difference, "fit", looking(seen))
        (tmp_path / str(share)).mkdir()
        run(tmp_path / str(share), f"training_share={share}", dataset=ManyScenes(None))
        chosen.append(seen[: len(seen) // 2])
    assert [len(names) for names in chosen] == [2, 5, 10]
    assert set(chosen[0]) < set(chosen[1]) < set(chosen[2])
    assert chosen[1] == sorted(chosen[1])


def test_a_link_that_cannot_be_fitted_fails_the_unit_not_its_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the tested scene is no training scene its links are fitted late."""

    def broken(self: Any, scene: Scene, representation: Any) -> None:
        raise RuntimeError("no link")

    monkeypatch.setattr(toy.Difference, "fit", lambda self, fitted: None)
    monkeypatch.setattr(toy.FirstView, "fit", broken)
    with pytest.raises(RuntimeError, match="no link"):
        run(tmp_path, dataset=ManyScenes(None))


def test_components_see_no_query_of_a_training_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labelled images are theirs, queries are not."""

    class WithQueries(ManyScenes):
        def task(self, name: str) -> Task:
            task = super().task(name)
            return replace(task, fit=[replace(scene, queries=task.test[0].queries) for scene in task.fit])

    def fit(self: Any, fitted: Sequence[FittedScene]) -> None:
        assert all(not scene.scene.queries for scene in fitted)

    monkeypatch.setattr(toy.Difference, "fit", fit)
    run(tmp_path, dataset=WithQueries(None))
