"""The reader chooses runs before boards are built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leaderboard.unit_folders import CLASSES, HARDWARE, write_unit
from padbench.cli.leaderboard import command
from padbench.errors import UserError

CUDA = HARDWARE | {"device": "cuda", "device_name": "GPU"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three methods that differ in profile, protocol and device; alpha is the best and the fastest."""
    for task in CLASSES:
        write_unit(tmp_path, task, "alpha", image_auroc=0.95, refine=1.0)
        write_unit(tmp_path, task, "beta", protocol="pad")
        write_unit(tmp_path, task, "gamma", image_auroc=0.8, hardware=CUDA)
        write_unit(tmp_path, task, "gamma", profile="paper")
        write_unit(tmp_path, task, "gamma", dataset="mad")
    return tmp_path


def _run(runs: Path, *options: str) -> Any:
    return CliRunner().invoke(command, [str(runs), *options, "--json"], standalone_mode=False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--method", "beta"], {("bricks", "beta", "lite", "pad")}),
        (
            ["--method", "beta", "--method", "alpha"],
            {("bricks", "beta", "lite", "pad"), ("bricks", "alpha", "lite", "native")},
        ),
        (["--profile", "paper"], {("bricks", "gamma", "paper", "native")}),
        (["--protocol", "pad"], {("bricks", "beta", "lite", "pad")}),
        (["--device", "cuda"], {("bricks", "gamma", "lite", "native")}),
        (
            ["--dataset", "bricks", "--profile", "lite", "--protocol", "native", "--device", "cpu"],
            {("bricks", "alpha", "lite", "native")},
        ),
    ],
)
def test_a_filter_leaves_its_runs_and_no_others(
    runs: Path, options: list[str], expected: set[tuple[str, str, str, str]]
) -> None:
    boards = json.loads(_run(runs, *options).output)["boards"]
    shown = {
        (board["dataset"], row["method"], section["profile"], section["protocol"])
        for board in boards
        if board["kind"] == "accuracy"
        for section in board["sections"]
        for row in section["rows"]
    }
    assert shown == expected


def test_places_are_those_among_the_chosen_rows(runs: Path) -> None:
    """Without delta, gamma stands alone in its section and is not ranked; alpha ran on another device."""
    for task in CLASSES:
        write_unit(runs, task, "delta", image_auroc=0.85, hardware=CUDA)

    def places(*options: str) -> set[int]:
        boards = json.loads(_run(runs, "--dataset", "bricks", "--profile", "lite", *options).output)["boards"]
        return {
            row["values"]["image_auroc"].get("place")
            for section in boards[0]["sections"]
            for row in section["rows"]
            if row["method"] == "gamma"
        }

    assert places() == {2}
    assert places("--method", "gamma") == {None}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--method", "alpah"], "there is no run of method 'alpah': did you mean 'alpha'"),
        (["--profile", "full"], "there is no run in profile 'full': known are lite, paper"),
        (["--protocol", "pda"], "there is no run of protocol 'pda': did you mean 'pad'"),
        (["--method", "beta", "--device", "cuda"], "no run is of method beta, on device cuda"),
    ],
)
def test_a_filter_that_leaves_nothing_says_so(runs: Path, options: list[str], sentence: str) -> None:
    error = _run(runs, *options).exception
    assert isinstance(error, UserError) and sentence in str(error)
