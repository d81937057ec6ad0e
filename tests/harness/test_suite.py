"""Suites and labels through the command line, with the toy plugin."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.toy import RECIPE, Events, toy_plugins
from padbench.cli import main
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.scene import Camera, Scene, View
from padbench.store import RunFolder, find_runs
from padbench.subsets import subset_views
from padbench.suite import read_suite, resolve_suite

SUITES = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.yaml"))
SUITE = """
summary: the toy, plain and bright
dataset: toys
runs:
  - method: toy
  - {method: toy, set: [representation.gain=2.0], label: bright toy}
  - {method: toy, set: [views=0.34]}
"""


class Ended(NamedTuple):
    """What a command left: exit code, output, errors."""

    code: int
    output: str
    errors: str


Command = Callable[..., Ended]


@pytest.fixture
def padbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command line in this process, with the toys as the only plugin and results in <tmp_path>/runs."""
    Events.reset()
    plugins = toy_plugins(tmp_path, RECIPE.replace("summary:", "aliases: [plaything]\nsummary:"))
    for module in ("padbench.plugins", "padbench.evaluate", "padbench.cli.list"):
        monkeypatch.setattr(f"{module}.load_plugins", lambda: plugins)
    monkeypatch.setattr("padbench.evaluate.write_pictures", lambda run: [])  # slow, and tested elsewhere
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()

    def command(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["padbench", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        written = capsys.readouterr()
        code = end.value.code
        return Ended(code if isinstance(code, int) else 0, written.out, written.err)

    yield command
    torch.set_num_threads(threads)


def write_suite(folder: Path, content: str = SUITE) -> str:
    path = folder / "suite.yaml"
    path.write_text(content)
    return str(path)


def done(folder: Path) -> dict[str, RunFolder]:
    """The finished units below the folder, by their path."""
    runs = {str(run.path.relative_to(folder)): run for run in find_runs([folder])}
    return {path: run for path, run in runs.items() if run.info["status"] == "done"}


def predictions(run: RunFolder) -> list[dict[Hashable, Any]]:
    table = run.predictions()
    return table[["id", "image_score", "map_offset", "map_scale"]].to_dict("records")


def test_a_suite_runs_every_unit_into_a_folder_of_its_own(padbench: Command, tmp_path: Path) -> None:
    result = padbench("run", "--suite", write_suite(tmp_path), "--threads", "1")
    assert result.code == 0, result.errors
    units = done(tmp_path / "runs")
    assert set(units) == {
        f"toys/{label}/lite/{task}/seed0" for label in ("toy", "bright toy", "toy[views=0.34]") for task in ("A", "B")
    }
    assert units["toys/toy/lite/A/seed0"].recipe["variant"] is None
    bright = units["toys/bright toy/lite/A/seed0"].recipe
    assert (bright["method"], bright["variant"]) == (
        "toy",
        {"label": "bright toy", "set": ["representation.gain=2.0"]},
    )
    assert bright["representation"]["gain"] == 2.0
    for label in ("toy", "bright toy", "toy[views=0.34]"):
        assert sum(line.split("  ")[1:2] != [] and label in line for line in result.output.splitlines()) >= 6
    assert "toy with views=0.34" in result.output, "what makes a variant stands under the board"
    assert "it is a toy" in result.output, "and so do deviations"


def test_a_share_of_the_views_reaches_every_component(padbench: Command) -> None:
    command = ("run", "--method", "toy", "--dataset", "toys", "--classes", "A", "--threads", "1")
    assert padbench(*command).code == 0
    assert [entry for entry in Events.log if entry.endswith("views")] == ["3 views"] * 4
    Events.reset()
    assert padbench(*command, "--set", "views=0.34").code == 0
    assert [entry for entry in Events.log if entry.endswith("views")] == ["1 views"] * 4


def test_a_stopped_suite_resumes_and_leaves_finished_units_alone(padbench: Command, tmp_path: Path) -> None:
    command = ("run", "--suite", write_suite(tmp_path), "--threads", "1")
    assert padbench(*command, "--out", "whole").code == 0
    Events.reset()
    Events.interrupt_at = 20  # in the third of six units
    stopped = padbench(*command)
    assert stopped.code == 130
    assert "bright toy (lite) on toys/A, seed 0: stopped" in stopped.output
    first = done(tmp_path / "runs")
    evaluated = {path: (run.path / "metrics.json").stat().st_mtime_ns for path, run in first.items()}
    assert set(first) == {f"toys/toy/lite/{task}/seed0" for task in ("A", "B")}
    Events.reset()
    assert padbench(*command).code == 0
    fitted = Events.log.count("fit representation")
    assert fitted == 3, "two units were finished and one was fitted"
    whole, resumed = done(tmp_path / "whole"), done(tmp_path / "runs")
    assert set(resumed) == set(whole)
    for path, run in resumed.items():
        assert predictions(run) == predictions(whole[path])
        if path in first:
            assert run.info == first[path].info
            assert (run.path / "metrics.json").stat().st_mtime_ns == evaluated[path], "evaluated a second time"


@pytest.mark.parametrize("content", [None, "{", '{"schema": 0}'])
def test_a_finished_unit_without_valid_metrics_is_evaluated(
    padbench: Command, tmp_path: Path, content: str | None
) -> None:
    command = ("run", "--method", "toy", "--dataset", "toys", "--classes", "A", "--threads", "1")
    assert padbench(*command).code == 0
    metrics = tmp_path / "runs" / "toys" / "toy" / "lite" / "A" / "seed0" / "metrics.json"
    before = metrics.read_text()
    metrics.unlink()
    if content is not None:
        metrics.write_text(content)
    assert padbench(*command).code == 0
    assert metrics.read_text() == before


def test_queries_that_are_added_are_evaluated(padbench: Command, tmp_path: Path) -> None:
    command = ("run", "--method", "toy", "--dataset", "toys", "--classes", "A", "--threads", "1")
    assert padbench(*command, "--limit", "2").code == 0
    assert padbench(*command).code == 0
    metrics = tmp_path / "runs" / "toys" / "toy" / "lite" / "A" / "seed0" / "metrics.json"
    assert json.loads(metrics.read_text())["queries"] == 6


def test_all_units_run_although_one_fails(padbench: Command, tmp_path: Path) -> None:
    suite = SUITE.replace("representation.gain=2.0", "representation.iterations=0")
    result = padbench("run", "--suite", write_suite(tmp_path, suite), "--threads", "1")
    assert result.code == 1
    assert "the toy cannot be fitted" in result.errors
    assert len(done(tmp_path / "runs")) == 4
    assert "toy[views=0.34]" in result.output, "the boards of the others are printed"


def test_options_apply_to_all_units_of_a_suite(padbench: Command, tmp_path: Path) -> None:
    suite = SUITE.replace("dataset:", "seeds: [1, 2]\ndataset:")
    options = ("--classes", "B", "--limit", "2", "--threads", "1", "--out", "elsewhere", "--device", "cpu")
    assert padbench("run", "--suite", write_suite(tmp_path, suite), *options).code == 0
    units = done(tmp_path / "elsewhere")
    assert {path.split("/")[3] for path in units} == {"B"}
    assert {path.split("/")[4] for path in units} == {"seed1", "seed2"}
    assert all(len(run.predictions()) == 2 and run.info["limit"] == 2 for run in units.values())
    assert all(run.info["hardware"]["threads"] == 1 for run in units.values())
    assert padbench("run", "--suite", write_suite(tmp_path, suite), *options[:6], "--seed", "7").code == 0
    assert {path.split("/")[4] for path in done(tmp_path / "runs")} == {"seed7"}
    other = padbench("run", "--suite", write_suite(tmp_path, suite), "--profile", "paper")
    assert other.code == 2
    assert "no profile 'paper'" in other.errors


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("summary:", "sumary:"), ("unknown key 'sumary'", "'summary'")),
        (("label: bright toy", "lable: x"), ("unknown key 'lable'", "'label'")),
        (("method: toy\n", "method: toi\n"), ("unknown method 'toi'", "'toy'")),
        (("dataset: toys", "dataset: toy"), ("unknown data set 'toy'", "'toys'")),
        (("dataset: toys", ""), ("names no data set",)),
        (("gain=2.0", "gian=2.0"), ("'bright toy'", "no parameter 'gian'", "'gain'")),
        (("label: bright toy", "label: 'toy[views=0.34]'"), ("two runs are called 'toy[views=0.34]'",)),
        ((", label: bright toy", ""), ()),
        (("label: bright toy", "label: toy"), ("'toy' is the name of a method",)),
        (("label: bright toy", "label: plaything"), ("'plaything' is the name of a method",)),
        (("label: bright toy", "label: ../toy"), ("'../toy' cannot name a folder",)),
        (("label: bright toy", "label: 7"), ("label must be a text, not 7",)),
        (("- method: toy\n", "- {method: toy, label: mine}\n"), ("say what differs",)),
        (("- method: toy\n", "- {method: toy, profile: light}\n"), ("profile must be one of paper, lite",)),
        (("- method: toy\n", "- profile: lite\n"), ("names no method",)),
        (("- method: toy\n", "- toy\n"), ("must be a mapping",)),
        (("[views=0.34]", "views=0.34"), ("set must be a list",)),
        (("dataset:", "seeds: 3\ndataset:"), ("seeds must be a list",)),
        (("dataset:", "seeds: [true]\ndataset:"), ("seeds must be a list",)),
        (("runs:", "runs: []\nx:"), ("unknown key 'x'",)),
        (("runs:", "{"), ("cannot be read",)),
        ((SUITE, "- toy"), ("must be a mapping",)),
        ((SUITE, "dataset: toys"), ("has no runs",)),
    ],
)
def test_a_bad_suite_is_one_sentence_before_anything_runs(
    padbench: Command, tmp_path: Path, change: tuple[str, str], parts: tuple[str, ...]
) -> None:
    assert change[0] in SUITE
    result = padbench("run", "--suite", write_suite(tmp_path, SUITE.replace(*change)), "--limit", "1", "--threads", "1")
    if not parts:
        assert result.code == 0, "a label may be left out"
        return
    assert result.code == 2
    sentences = result.errors.splitlines()
    assert len(sentences) == 1 and sentences[0].startswith("error: ")
    for part in (*parts, "suite.yaml"):
        assert part in sentences[0]
    assert not (tmp_path / "runs").exists()
    assert Events.log == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--method", "toy"), "--method"),
        (("--dataset", "toys"), "--dataset"),
        (("--set", "batch_size=2"), "--set"),
        (("--image-size", "24"), "--image-size"),
        (("--label", "mine"), "--label"),
    ],
)
def test_what_a_suite_says_cannot_be_said_again(
    padbench: Command, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    result = padbench("run", "--suite", write_suite(tmp_path), *options)
    assert result.code == 2
    assert f"leave {named}" in result.errors or f"or {named}" in result.errors
    assert not (tmp_path / "runs").exists()


def test_a_suite_that_does_not_exist(padbench: Command) -> None:
    result = padbench("run", "--suite", "absent.yaml")
    assert result.code == 2
    assert "there is no suite absent.yaml" in result.errors


def test_overrides_on_the_command_line_never_pass_for_the_plain_method(padbench: Command, tmp_path: Path) -> None:
    command = ("run", "--method", "toy", "--dataset", "toys", "--classes", "A", "--threads", "1")
    assert padbench(*command).code == 0
    plain = done(tmp_path / "runs")["toys/toy/lite/A/seed0"].info
    assert padbench(*command, "--set", "representation.gain=2.0").code == 0
    assert padbench(*command, "--set", "representation.gain=3.0", "--label", "brighter").code == 0
    assert padbench(*command, "--image-size", "16").code == 0
    units = done(tmp_path / "runs")
    labels = {path.split("/")[1] for path in units}
    assert labels == {"toy", "toy[representation.gain=2.0]", "brighter", "toy[image_size=16]"}
    assert units["toys/toy/lite/A/seed0"].info == plain
    assert units["toys/toy[image_size=16]/lite/A/seed0"].recipe["image_size"] == 16
    board = padbench("leaderboard", "runs").output
    for label in labels:
        assert f" {label} " in board


def test_a_default_label_that_cannot_name_a_folder_asks_for_one(padbench: Command, tmp_path: Path) -> None:
    command = ("run", "--method", "toy", "--dataset", "toys", "--set", "detector.mode=a/b")
    result = padbench(*command)
    assert result.code == 2
    assert "--label" in result.errors
    assert not (tmp_path / "runs").exists()
    two = padbench("run", "--method", "toy", "--method", "other", "--dataset", "toys", "--label", "x")
    assert two.code == 2
    assert "can name one method only" in two.errors


def test_an_alias_is_another_name_of_the_method(padbench: Command, tmp_path: Path) -> None:
    assert padbench("run", "--method", "plaything", "--dataset", "toys", "--classes", "A", "--threads", "1").code == 0
    assert set(done(tmp_path / "runs")) == {"toys/toy/lite/A/seed0"}
    listing = padbench("list", "methods")
    assert "toy (plaything)" in listing.output
    assert listing.errors == ""
    near = padbench("run", "--method", "plaithing", "--dataset", "toys")
    assert near.code == 2
    assert "'plaything'" in near.errors


cameras = Camera(np.eye(3), np.eye(4), 4, 4)


@given(
    count=st.integers(1, 60),
    shares=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(sorted),
    seed=st.integers(0, 99),
)
def test_smaller_shares_of_the_views_are_subsets_in_order(count: int, shares: list[float], seed: int) -> None:
    views = [View(str(index), cameras, lambda: np.zeros((4, 4, 3), np.float32)) for index in range(count)]
    scene = Scene("object", views)
    small, large = (subset_views(scene, share, seed) for share in shares)
    assert len(small.views) == max(1, round(shares[0] * count))
    names = [view.name for view in small.views]
    assert names == sorted(set(names), key=int)
    assert set(names) <= {view.name for view in large.views}
    assert subset_views(scene, 1.0, seed).views == views
    assert subset_views(scene, shares[0], seed) == small


def test_the_seed_decides_which_views() -> None:
    views = [View(str(index), cameras, lambda: np.zeros((4, 4, 3), np.float32)) for index in range(50)]
    scene = Scene("object", views)
    chosen = {tuple(view.name for view in subset_views(scene, 0.2, seed).views) for seed in range(5)}
    assert len(chosen) == 5


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
@pytest.mark.parametrize("profile", ["paper", "lite"])
def test_the_suites_of_the_repository_resolve(path: Path, profile: str) -> None:
    plugins = load_plugins()
    suite = read_suite(path)
    plugins.find("dataset", suite.dataset)
    methods = resolve_suite(plugins, suite, profile, profile)
    assert len(methods) == len(suite.runs)
    hashes = {method.hash() for method in methods}
    assert len(hashes) == len(methods), "two runs of a suite do the same"


def test_the_plain_run_of_the_splatpose_ablations_is_their_missing_point() -> None:
    method = resolve_method(load_plugins(), "splatpose", "lite")
    assert (method.pose[1].parameters["steps"], method.views) == (175, 1.0)
