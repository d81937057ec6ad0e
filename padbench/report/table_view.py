"""Boards as the templates of the pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from padbench.leaderboard.board import COMPLETE, MEAN, Board, Column, Note, Row, Section
from padbench.leaderboard.formats.cells import figure, label, label_columns, place, value_columns


@dataclass(frozen=True)
class Cell:
    """value: the figure in full precision. style: CSS classes. metric: the stable name of the column."""

    text: str
    style: str = ""
    value: str | None = None
    metric: str | None = None
    is_method: bool = False


@dataclass(frozen=True)
class Heading:
    """The heading of a column; better: which end the first click sorts to the top."""

    title: str
    is_figure: bool
    better: str | None


@dataclass(frozen=True)
class Line:
    """A row. words: what the filter searches. of_class: None where the board has no classes."""

    cells: tuple[Cell, ...]
    words: str
    method: str
    of_class: str | None
    is_mean: bool


@dataclass(frozen=True)
class TableView:
    """A section as a table. source: paper and table of published rows, empty for measured ones."""

    title: str
    source: str
    columns: tuple[Heading, ...]
    rows: tuple[Line, ...]


@dataclass(frozen=True)
class Plot:
    """A drawing; markup: an SVG element, safe to insert."""

    title: str
    markup: str


@dataclass(frozen=True)
class BoardView:
    """A board with its plots."""

    kind: str
    dataset: str
    title: str
    sections: tuple[TableView, ...]
    plots: tuple[Plot, ...]
    remarks: tuple[str, ...]
    notes: tuple[Note, ...]


def view(board: Board, plots: Sequence[Plot]) -> BoardView:
    """What a template needs of a board."""
    labels, columns = label_columns(board), value_columns(board)
    sections = tuple(_table(board, section, labels, columns) for section in board.sections)
    return BoardView(board.kind, board.dataset, board.title, sections, tuple(plots), board.remarks, board.notes)


def _table(board: Board, section: Section, labels: dict[str, str], columns: Sequence[Column]) -> TableView:
    shown = [column for column in columns if any(column.name in row.values for row in section.rows)]
    headings = [Heading(title, False, None) for title in labels.values()]
    headings += [Heading(column.title, True, column.better) for column in shown]
    rows = tuple(_line(row, board, labels, shown, section) for row in section.rows)
    return TableView(section.title, section.facts.get("source", ""), tuple(headings), rows)


def _line(row: Row, board: Board, labels: dict[str, str], columns: Sequence[Column], section: Section) -> Line:
    cells = [
        Cell(label(row, name), {"status": "status", "note": "note"}.get(name, ""), is_method=name == "method")
        for name in labels
    ]
    cells += [_figure(row, column) for column in columns]
    words = " ".join([*row.labels.values(), section.title, "" if row.status == COMPLETE else row.status]).lower()
    by_class = any(row.labels.get("class") == MEAN for section in board.sections for row in section.rows)
    of_class = row.labels.get("class") if by_class and "class" in board.labels else None
    return Line(tuple(cells), words, row.labels.get("method", ""), of_class, of_class == MEAN)


def _figure(row: Row, column: Column) -> Cell:
    text, deviation = figure(row, column)
    value = row.values.get(column.name)
    style = {1: "figure first", 2: "figure second"}.get(place(row, column) or 0, "figure")
    return Cell(
        text if deviation is None else f"{text} ± {deviation}",
        style if value is not None else "figure absent",
        None if value is None else repr(value.value),
        column.name,
    )
