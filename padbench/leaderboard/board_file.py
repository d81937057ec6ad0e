"""boards.json: what a board consists of besides the figures, which lie in the CSV files beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from padbench.errors import UserError
from padbench.leaderboard.board import Board, Column, Note, Row, Section, Value
from padbench.leaderboard.formats.csv import COLUMNS

SCHEMA = 1
NAME = "boards.json"


def render_board_file(boards: Sequence[Board]) -> str:
    """The content of boards.json: titles, columns, sections with what their rows share, remarks and notes."""
    described = []
    for board in boards:
        content = {field.name: getattr(board, field.name) for field in fields(Board)}
        content["columns"] = [asdict(column) for column in board.columns]
        content["sections"] = [{"title": section.title, "facts": section.facts} for section in board.sections]
        content["notes"] = [asdict(note) for note in board.notes]
        described.append(content)
    return json.dumps({"schema": SCHEMA, "boards": described}, indent=1, ensure_ascii=False) + "\n"


def read_boards(folder: Path) -> list[Board]:
    """The boards of a folder that `padbench leaderboard --write` made, with the figures of its CSV files.

    Raises UserError when a file is missing, damaged or does not fit the others.
    """
    file = folder / NAME
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r}, this padbench reads {SCHEMA}")
        return [_board(described, folder) for described in content["boards"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} cannot be read ({error}); write it anew: padbench leaderboard RUNS --write") from error


def _board(described: dict[str, Any], folder: Path) -> Board:
    columns = tuple(Column(**column) for column in described["columns"])
    lines = _lines(folder / f"{described['kind']}.csv", described["kind"])
    titles = [section["title"] for section in described["sections"]]
    if unknown := {line["section"] for line in lines} - set(titles):
        raise UserError(f"{folder / described['kind']}.csv has a section that {NAME} lacks: {sorted(unknown)[0]!r}")
    sections = tuple(
        Section(
            section["title"],
            _rows([line for line in lines if line["section"] == section["title"]], described["labels"]),
            section["facts"],
        )
        for section in described["sections"]
    )
    return Board(
        described["kind"],
        described["dataset"],
        described["title"],
        described["labels"],
        columns,
        sections,
        tuple(described["remarks"]),
        tuple(Note(note["subject"], tuple(note["sentences"])) for note in described["notes"]),
    )


def _lines(file: Path, kind: str) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error}); write it anew: padbench leaderboard RUNS --write") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UserError(
            f"{file} does not have the columns of a board; write it anew: padbench leaderboard RUNS --write"
        )
    return [line for line in reader if line["board"] == kind]


def _rows(lines: Sequence[dict[str, str]], labels: dict[str, str]) -> tuple[Row, ...]:
    rows: dict[tuple[str, ...], Row] = {}
    for line in lines:
        # Rows of means bear their class also where a board does not show it.
        of_row = {name: line[name] for name in {"class": "", **labels} if name in labels or line[name]}
        row = rows.setdefault((*of_row.values(), line["status"]), Row(of_row, line["status"]))
        if line["metric"]:
            row.values[line["metric"]] = Value(
                float(line["value"]),
                float(line["deviation"]) if line["deviation"] else None,
                int(line["place"]) if line["place"] else None,
            )
    return tuple(rows.values())
