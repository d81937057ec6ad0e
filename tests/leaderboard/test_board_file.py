"""Boards read back from the files of leaderboards/measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.unit_folders import CLASSES, write_unit
from padbench.errors import UserError
from padbench.leaderboard.board_file import read_boards
from padbench.leaderboard.build import build_boards
from padbench.leaderboard.measured import write_measured
from padbench.store import RunFolder

POSE = {"rotation_deg_median": 0.1 + 0.2, "success_1deg": 0.75, "coarse": {"rotation_deg_median": 6.0}}


def _runs(folder: Path) -> list[RunFolder]:
    """Two methods, seeds, a variant, two protocols, a missing class, and texts that CSV has to quote."""
    runs = [write_unit(folder, task, seed=seed, metrics={"pose": POSE}) for task in CLASSES for seed in (0, 1)]
    runs += [write_unit(folder, task, 'with "quotes", and commas', image_auroc=0.8) for task in CLASSES]
    runs += [write_unit(folder, task, "other", protocol="pad", deviations=("a\nb",)) for task in CLASSES[:2]]
    runs += [write_unit(folder, task, "variant", variant_of="alpha", recipe="r2") for task in CLASSES]
    return runs


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    """Figures to the last bit, places, deviations, statuses, sections, remarks and notes."""
    runs = _runs(tmp_path / "runs")
    write_measured(runs, tmp_path / "measured")
    assert read_boards(tmp_path / "measured" / "bricks") == build_boards(runs)


@pytest.mark.parametrize("damage", ["truncated", "absent figures", "other columns", "unknown section", "other schema"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    """One sentence with the file and the remedy."""
    write_measured(_runs(tmp_path / "runs"), tmp_path / "measured")
    folder = tmp_path / "measured" / "bricks"
    boards, figures = folder / "boards.json", folder / "accuracy.csv"
    if damage == "truncated":
        boards.write_text(boards.read_text()[:100])
    elif damage == "absent figures":
        figures.unlink()
    elif damage == "other columns":
        figures.write_text(figures.read_text().replace("metric", "measure", 1))
    elif damage == "unknown section":
        figures.write_text(figures.read_text().replace("profile lite, protocol native", "profile x, protocol y"))
    else:
        boards.write_text(boards.read_text().replace('"schema": 1', '"schema": 9'))
    with pytest.raises(UserError, match=r"boards\.json|accuracy\.csv"):
        read_boards(folder)
