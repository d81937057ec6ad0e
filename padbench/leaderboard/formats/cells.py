"""What stands in the cells of the tables that people read, before a format escapes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from padbench.leaderboard.board import COMPLETE, MEAN, TRUTH, Board, Column, Row, Section

ALWAYS_SHOWN = ("class", "method", "stage", "note", "hardware")


def label_columns(board: Board) -> dict[str, str]:
    """The label columns that tell rows of this board apart: name and title; status where a row is not complete."""
    rows = [row for section in board.sections for row in section.rows]
    shown = {
        name: title
        for name, title in board.labels.items()
        if name in ALWAYS_SHOWN or len({row.labels.get(name) for row in rows if row.labels.get(name)}) > 1
    }
    if any(" " in row.labels.get("seeds", "") for row in rows):
        shown["seeds"] = board.labels["seeds"]
    if any(row.status not in (COMPLETE, "published") for row in rows):
        shown["status"] = "status"
    return shown


def value_columns(board: Board) -> list[Column]:
    """The columns for people in which at least one row has a value."""
    return [
        column
        for column in board.columns
        if not column.detail and any(column.name in row.values for section in board.sections for row in section.rows)
    ]


def label(row: Row, name: str) -> str:
    """The text of a label cell."""
    if name == "status":
        return "" if row.status == COMPLETE else row.status
    return row.labels.get(name, "")


def figure(row: Row, column: Column) -> tuple[str, str | None]:
    """The text of a figure and that of its deviation, None where there is none."""
    value = row.values.get(column.name)
    if value is None:
        return ("missing" if row.missing else "–"), None
    if value.printed is not None:
        return value.printed, None if value.deviation is None else f"{value.deviation:g}"
    if column.unit == TRUTH:
        return ("yes" if value.value else "no"), None
    digits = decimals(value.value, column)
    return f"{value.value:.{digits}f}", None if value.deviation is None else f"{value.deviation:.{digits}f}"


def place(row: Row, column: Column) -> int | None:
    """The place of a figure in its ranking, None where it is not ranked."""
    value = row.values.get(column.name)
    return None if value is None else value.place


def blocks(section: Section) -> Iterator[list[Row]]:
    """The rows of a section, class by class; a section of one method is one block and its mean another."""
    methods = {row.labels["method"] for row in section.rows}
    if "class" not in section.rows[0].labels:
        yield list(section.rows)
        return
    for _, rows in groupby(
        section.rows, key=lambda row: row.labels["class"] == MEAN if len(methods) == 1 else row.labels["class"]
    ):
        yield list(rows)


def decimals(value: float, column: Column) -> int:
    """The decimals of the column, else as many as show three significant digits."""
    if column.digits is not None:
        return column.digits
    for limit, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3), (0.01, 4), (0.001, 5)):
        if abs(value) >= limit:
            return digits
    return 6
