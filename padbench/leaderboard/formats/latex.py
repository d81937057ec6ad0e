"""Boards in LaTeX (package booktabs)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from padbench.leaderboard.board import Board, Column, Row, Section
from padbench.leaderboard.formats.cells import blocks, figure, label, label_columns, place, value_columns

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "±": r"\textpm{}",
    "°": r"\textdegree{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def render(boards: Sequence[Board]) -> str:
    """A table environment per section, with the rules of booktabs; the best bold, the second underlined."""
    tables = [_table(board, section) for board in boards for section in board.sections]
    return "\n".join(["% needs \\usepackage[T1]{fontenc} and \\usepackage{booktabs}", *tables])


def _table(board: Board, section: Section) -> str:
    labels, columns = label_columns(board), value_columns(board)
    header = [*labels.values(), *(column.title for column in columns)]
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{_escaped(f'{board.title}: {section.title}')}}}",
        f"\\begin{{tabular}}{{{'l' * len(labels)}{'r' * len(columns)}}}",
        r"\toprule",
        _line([_escaped(title) for title in header]),
    ]
    for rows in blocks(section):
        lines.append(r"\midrule")
        for row in rows:
            cells = [_escaped(label(row, name)) for name in labels]
            lines.append(_line(cells + [_figure(row, column) for column in columns]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = [f"{note.subject}: {'; '.join(note.sentences)}" for note in board.notes]
    lines += [f"\\par\\footnotesize {_escaped(remark)}" for remark in (*board.remarks, *notes)]
    return "\n".join([*lines, r"\end{table}", ""])


def _figure(row: Row, column: Column) -> str:
    value, deviation = figure(row, column)
    text = _escaped(value) if deviation is None else f"{value} \\textpm{{}} {deviation}"
    return {1: f"\\textbf{{{text}}}", 2: f"\\underline{{{text}}}"}.get(place(row, column) or 0, text)


def _line(cells: Sequence[str]) -> str:
    text = " & ".join(cells)
    # A bracket or a star would be read as an argument of the line's end or of the rule before it.
    return f"{'{}' if text[:1] in ('[', '*') else ''}{text} \\\\"


def _escaped(text: str) -> str:
    return re.sub("|".join(map(re.escape, _COMMANDS)), lambda match: _COMMANDS[match.group()], " ".join(text.split()))
