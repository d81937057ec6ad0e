"""Boards in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from padbench.leaderboard.board import Board, Column, Row, Section
from padbench.leaderboard.formats.cells import figure, label, label_columns, place, value_columns

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(boards: Sequence[Board]) -> str:
    """A heading per board, a table per section, remarks and notes as lists; the best bold, the second underlined."""
    return "\n".join(_board(board) for board in boards)


def _board(board: Board) -> str:
    lines = [f"## {_escaped(board.title)}", ""]
    for section in board.sections:
        lines += [f"### {_escaped(section.title)}", "", *_table(board, section), ""]
    if board.remarks:
        lines += [*(f"- {_escaped(remark)}" for remark in board.remarks), ""]
    for note in board.notes:
        lines += [f"{_escaped(note.subject)}:", "", *(f"- {_escaped(sentence)}" for sentence in note.sentences), ""]
    return "\n".join(lines)


def _table(board: Board, section: Section) -> list[str]:
    labels, columns = label_columns(board), value_columns(board)
    header = [*labels.values(), *(column.title for column in columns)]
    lines = [_line([_escaped(title) for title in header])]
    lines.append(_line(["---"] * len(labels) + ["---:"] * len(columns)))
    for row in section.rows:
        cells = [_escaped(label(row, name)) for name in labels]
        lines.append(_line(cells + [_figure(row, column) for column in columns]))
    return lines


def _figure(row: Row, column: Column) -> str:
    value, deviation = figure(row, column)
    text = value if deviation is None else f"{value} ± {deviation}"
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(place(row, column) or 0, text)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """The text as itself: no tag, no emphasis, no link, no formula, no new cell, no new line."""
    text = re.sub(r"([\\`*_{}\[\]|$~#])", r"\\\1", " ".join(text.split()))
    return re.sub("[&<>]", lambda match: _ENTITIES[match.group()], text)
