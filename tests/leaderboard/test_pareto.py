"""The front of accuracy against time, and which rows may share one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.unit_folders import CLASSES, HARDWARE, write_unit
from padbench.leaderboard import build_boards
from padbench.leaderboard.board import Board
from padbench.leaderboard.formats.csv import render as render_csv
from padbench.leaderboard.formats.json import render as render_json
from padbench.leaderboard.formats.latex import render as render_latex
from padbench.leaderboard.formats.markdown import render as render_markdown
from padbench.leaderboard.pareto import pareto_front
from padbench.store import find_runs

points = st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float))


@given(st.lists(points, max_size=12))
def test_a_point_is_on_the_front_exactly_when_none_dominates_it(cloud: list[tuple[float, float]]) -> None:
    """The definition, pair by pair: at least as good in both and better in one."""

    def dominates(other: tuple[float, float], point: tuple[float, float]) -> bool:
        return other[0] >= point[0] and other[1] <= point[1] and other != point

    expected = [not any(dominates(other, point) for other in cloud) for point in cloud]
    assert pareto_front(cloud) == expected


def _board(folder: Path) -> Board | None:
    found = [board for board in build_boards(find_runs([folder])) if board.kind == "pareto"]
    assert len(found) <= 1
    return found[0] if found else None


def _front(board: Board | None) -> list[dict[str, bool]]:
    """Method -> whether it is on the front, section by section."""
    assert board is not None
    return [
        {row.labels["method"]: row.values["pareto_front"].value == 1 for row in section.rows}
        for section in board.sections
    ]


def _write(folder: Path, method: str, image_auroc: float, refine: float, **facts: object) -> None:
    for task in CLASSES:
        write_unit(folder, task, method, image_auroc=image_auroc, refine=refine, **facts)  # type: ignore[arg-type]


def test_the_board_holds_complete_means_and_marks_the_front(tmp_path: Path) -> None:
    _write(tmp_path, "best", 0.95, 9.0)
    _write(tmp_path, "fast", 0.70, 0.5)
    _write(tmp_path, "between", 0.90, 4.0)
    _write(tmp_path, "slow and worse", 0.85, 5.0)
    write_unit(tmp_path, CLASSES[0], "incomplete", image_auroc=1.0, refine=0.1)
    board = _board(tmp_path)
    assert _front(board) == [{"best": True, "between": True, "slow and worse": False, "fast": True}]
    assert board is not None
    row = board.sections[0].rows[0]
    assert row.labels["class"] == "mean"
    assert row.values["image_auroc"].value == pytest.approx(95.0)
    assert row.values["seconds_per_query"].value == pytest.approx(10.0)
    assert board.sections[0].facts == {
        "profile": "lite",
        "protocol": "native",
        "hardware": "cpu: Test CPU, 2 threads",
    }


@pytest.mark.parametrize(
    "difference",
    [{"protocol": "pad"}, {"profile": "paper"}, {"hardware": HARDWARE | {"threads": 1}}, {"data": "other data"}],
    ids=lambda difference: next(iter(difference)),
)
def test_what_is_not_comparable_has_a_front_of_its_own(tmp_path: Path, difference: dict[str, object]) -> None:
    """A better and faster row of other protocol, profile, machine or data pushes none off the front."""
    _write(tmp_path, "alpha", 0.8, 5.0)
    _write(tmp_path, "beta", 0.9, 1.0, **difference)
    board = _board(tmp_path)
    assert sorted(_front(board), key=str) == [{"alpha": True}, {"beta": True}]
    assert board is not None and len({section.title for section in board.sections}) == 2


def test_one_method_has_no_front(tmp_path: Path) -> None:
    _write(tmp_path, "alpha", 0.8, 5.0)
    write_unit(tmp_path, CLASSES[0], "incomplete")
    assert _board(tmp_path) is None


def test_every_format_shows_it(tmp_path: Path) -> None:
    _write(tmp_path, "alpha", 0.8, 5.0)
    _write(tmp_path, "beta", 0.9, 1.0)
    board = _board(tmp_path)
    assert board is not None
    markdown = render_markdown([board])
    assert "| method | image AUROC | query \\[s\\] | front |" in markdown
    assert "| beta | **90.00** | **2.00** | yes |" in markdown.splitlines()
    assert r"alpha & \underline{80.00} & \underline{6.00} & no \\" in render_latex([board])
    lines = [line for line in csv.DictReader(io.StringIO(render_csv([board]))) if line["metric"] == "pareto_front"]
    assert {(line["method"], line["class"], line["value"]) for line in lines} == {
        ("alpha", "mean", "0.0"),
        ("beta", "mean", "1.0"),
    }
    rows = json.loads(render_json([board]))["boards"][0]["sections"][0]["rows"]
    assert {row["method"]: row["values"]["pareto_front"]["value"] for row in rows} == {"alpha": 0.0, "beta": 1.0}
