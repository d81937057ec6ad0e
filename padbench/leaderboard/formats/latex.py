"""Boards in LaTeX (package booktabs)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from padbench.leaderboard.board import Board, Column, Row, Section
from padbench.leaderboard.formats.cells import blocks, figure, label, label_columns, place, value_columns

_HEADING = 9  # characters
_ARGUMENTS = ("[", "*")
"""What would be read as an argument of the line's end or of the rule before it."""
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
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "×": r"\texttimes{}",
    "σ": r"\ensuremath{\sigma}",
    "µ": r"\textmu{}",
    "→": r"\textrightarrow{}",
    "…": r"\dots{}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "—": "---",
}
_LAST_LATIN = 0x17E
"""Up to here the encoding T1 has the letters; of what pdfTeX does not know, the number is printed."""


def render(boards: Sequence[Board]) -> str:
    """A table environment per section, with the rules of booktabs; the best bold, the second underlined.

    A table that is wider than the line is shrunk to it. Notes on methods follow the tables of their board as text.
    """
    parts: list[str] = []
    for board in boards:
        parts += [*(_table(board, section) for section in board.sections), *_notes(board)]
    return "\n".join(["% needs \\usepackage[T1]{fontenc}, \\usepackage{booktabs} and \\usepackage{graphicx}", *parts])


def _table(board: Board, section: Section) -> str:
    labels, columns = label_columns(board), value_columns(board)
    header = [*labels.values(), *(column.title for column in columns)]
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{_escaped(f'{board.title}: {section.title}')}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        f"\\begin{{tabular}}{{{'l' * len(labels)}{'r' * len(columns)}}}",
        r"\toprule",
        _line([_heading(title) for title in header]),
    ]
    for rows in blocks(section):
        lines.append(r"\midrule")
        for row in rows:
            cells = [_escaped(label(row, name)) for name in labels]
            lines.append(_line(cells + [_figure(row, column) for column in columns]))
    lines += [r"\bottomrule", r"\end{tabular}}"]
    lines += [f"\\par\\footnotesize {_escaped(remark)}" for remark in board.remarks]
    return "\n".join([*lines, r"\end{table}", ""])


def _notes(board: Board) -> list[str]:
    return [
        f"{{\\footnotesize\\sloppy\\noindent {_escaped(f'{note.subject}: ' + '; '.join(note.sentences))}\\par}}\n"
        for note in board.notes
    ]


def _figure(row: Row, column: Column) -> str:
    value, deviation = figure(row, column)
    text = _escaped(value) if deviation is None else f"{value} \\textpm{{}} {deviation}"
    return {1: f"\\textbf{{{text}}}", 2: f"\\underline{{{text}}}"}.get(place(row, column) or 0, text)


def _heading(title: str) -> str:
    """The title in lines of about a figure's width."""
    lines = textwrap.wrap(title, max(_HEADING, *map(len, title.split())), break_long_words=False)
    stacked = r"\\".join(f"{{}}{_escaped(line)}" if line[0] in _ARGUMENTS else _escaped(line) for line in lines)
    return f"\\shortstack{{{stacked}}}" if len(lines) > 1 else stacked


def _line(cells: Sequence[str]) -> str:
    text = " & ".join(cells)
    return f"{'{}' if text[:1] in _ARGUMENTS else ''}{text} \\\\"


def _escaped(text: str) -> str:
    known = re.sub("|".join(map(re.escape, _COMMANDS)), lambda match: _COMMANDS[match.group()], " ".join(text.split()))
    return "".join(
        character if ord(character) <= _LAST_LATIN and character.isprintable() else f"[U+{ord(character):04X}]"
        for character in known
    )
