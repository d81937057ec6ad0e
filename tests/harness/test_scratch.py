"""Checkpoints of a long fit: they outlive a kill, their time is counted, and they go when the component is saved."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.slow_representation import PAUSE, SlowMeanView
from harness.toy import RECIPE, Events, ToyDataset, toy_plugins
from padbench.hookspecs import Registry, hookimpl
from padbench.methods import resolve_method
from padbench.plugins import Origin
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit


def run(folder: Path) -> RunFolder:
    Events.reset()
    plugins = toy_plugins(folder, RECIPE.replace("mean-view", "slow-mean-view"))

    class Module:
        padbench_api_version = 1

        @hookimpl
        def padbench_register(self, registry: Registry) -> None:
            registry.representation("slow-mean-view", "harness.slow_representation:SlowMeanView")

    plugins.add(Module(), Origin("slow", "1.0", "slow_plugin"))  # type: ignore[arg-type]
    method = resolve_method(plugins, "toy", "lite")
    settings = Settings(folder / "runs", "cpu", 1, None, False, SilentProgress())
    return run_unit(Unit("toys", "toy", "lite", "A", 0), method, ToyDataset(None), plugins, settings)


def test_a_killed_fit_goes_on_at_its_checkpoint_and_its_time_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlowMeanView, "steps", [])
    monkeypatch.setattr(SlowMeanView, "die_after", 2)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    first = time.perf_counter() - start
    monkeypatch.setattr(SlowMeanView, "die_after", None)
    time.sleep(first)  # the time between two sessions is nobody's work
    start = time.perf_counter()
    result = run(tmp_path)
    second = time.perf_counter() - start
    assert SlowMeanView.steps == [0, 1, 2]
    assert 3 * PAUSE <= result.info["seconds"]["fit.representation"] < first + second
    assert not (result.path / "scratch").exists()


def test_a_fit_that_left_no_checkpoint_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlowMeanView, "steps", [])
    monkeypatch.setattr(SlowMeanView, "die_after", 0)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.setattr(SlowMeanView, "die_after", None)
    run(tmp_path)
    assert SlowMeanView.steps == [0, 1, 2]
