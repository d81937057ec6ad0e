"""leaderboards/README.md names every column and metric of the boards, in their order."""

from __future__ import annotations

import re
from pathlib import Path

from padbench.leaderboard.attributes import ATTRIBUTE_COLUMNS, CORRELATION_COLUMNS
from padbench.leaderboard.board import Column
from padbench.leaderboard.formats.csv import COLUMNS
from padbench.leaderboard.measures import ACCURACY, POSE, TIMING
from padbench.leaderboard.pareto import COLUMNS as PARETO

README = Path(__file__).parents[2] / "leaderboards" / "README.md"


def _table(heading: str) -> list[list[str]]:
    """The cells of the rows of the first table under a heading."""
    text = README.read_text().partition(f"### {heading}\n")[2].partition("\n#")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_the_columns_of_csv_are_documented() -> None:
    rows = _table("Columns of the CSV files")
    assert [name for name, _ in rows] == list(COLUMNS)
    assert all(what for _, what in rows)


def test_every_metric_is_documented_with_its_board_and_unit() -> None:
    boards: dict[str, tuple[Column, ...]] = {
        "accuracy": ACCURACY.columns,
        "pose": POSE.columns,
        "timing": TIMING.columns,
        "pareto": PARETO,
        "attributes": ATTRIBUTE_COLUMNS,
        "attribute correlations": CORRELATION_COLUMNS,
    }
    rows = _table("Metrics")
    documented = {(board, metric, unit) for board, metric, unit, _ in rows}
    assert len(documented) == len(rows)
    assert documented == {(board, column.name, column.unit) for board, columns in boards.items() for column in columns}
    assert all(re.search(r"\w", what) for *_, what in rows)
