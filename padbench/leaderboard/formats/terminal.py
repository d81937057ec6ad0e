"""Boards for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from padbench.leaderboard.board import Board, Column, Row, Section
from padbench.leaderboard.formats.cells import blocks, figure, label, label_columns, place, value_columns

_STATUS_WIDTH = 30
_NOTE_WIDTH = 60
_METHOD_WIDTH = 40


@dataclass(frozen=True)
class _TerminalColumn:
    """A column as text: header, a cell for each row, the width it needs."""

    title: str
    cells: tuple[Text, ...]
    is_label: bool
    width: int


def render(board: Board, width: int) -> RenderableType:
    """A board as rich tables with the remarks below; texts are never read as markup.

    A section that is wider than `width` is split into several tables that repeat the labels: no figure is cut.
    """
    parts: list[RenderableType] = [Text(board.title, style="bold")]
    for section in board.sections:
        parts.append(Text(section.title, style="italic"))
        parts += _tables(board, section, width)
    parts += [Text(remark, style="dim") for remark in board.remarks]
    for note in board.notes:
        parts.append(Text(f"{note.subject}:", style="dim"))
        parts += [Padding(Text(sentence, style="dim"), (0, 0, 0, 2)) for sentence in note.sentences]
    return Group(*parts, Text(""))


def _tables(board: Board, section: Section, width: int) -> list[Table]:
    rows = section.rows
    labels = [
        _label_column(title, [label(row, name) for row in rows], name) for name, title in label_columns(board).items()
    ]
    status = [column for column in labels if column.title == "status"]
    repeated = [column for column in labels if column.title != "status"]
    figures = [_figure_column(column, rows) for column in value_columns(board)]
    chunks = [status]
    for column in figures:
        if chunks[-1] and _width([*repeated, *chunks[-1], column]) > width:
            chunks.append([])
        chunks[-1].append(column)
    return [_table([*repeated, *chunk], section) for chunk in chunks]


def _table(columns: Sequence[_TerminalColumn], section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="", pad_edge=False)
    for column in columns:
        justify = "left" if column.is_label else "right"
        table.add_column(Text(column.title), justify=justify, width=column.width, overflow="fold")  # type: ignore[arg-type]
    index = 0
    for block in blocks(section):
        for _ in block:
            table.add_row(*(column.cells[index] for column in columns))
            index += 1
        if len(block) > 1 and index < len(section.rows):
            table.add_section()
    return table


def _width(columns: Sequence[_TerminalColumn]) -> int:
    return sum(column.width + 3 for column in columns)


def _label_column(title: str, texts: Sequence[str], name: str) -> _TerminalColumn:
    longest = max(map(len, [title, *texts]))
    limit = {"status": _STATUS_WIDTH, "note": _NOTE_WIDTH, "method": _METHOD_WIDTH}.get(name, longest)
    return _TerminalColumn(title, tuple(Text(text) for text in texts), True, min(longest, limit))


def _figure_column(column: Column, rows: Sequence[Row]) -> _TerminalColumn:
    cells = tuple(_figure(row, column) for row in rows)
    width = max(max(map(len, column.title.split())), *(len(cell) for cell in cells))
    return _TerminalColumn(column.title, cells, False, width)


def _figure(row: Row, column: Column) -> Text:
    value, deviation = figure(row, column)
    text = value if deviation is None else f"{value} ± {deviation}"
    return Text(text, style={1: "bold", 2: "underline"}.get(place(row, column) or 0, ""))
