"""Boards in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from padbench.leaderboard.board import Board, Row

SCHEMA = 1


def render(boards: Sequence[Board]) -> str:
    """`{"schema": 1, "boards": [...]}` in full precision; what is not defined is absent."""
    return json.dumps({"schema": SCHEMA, "boards": [_board(board) for board in boards]}, indent=1, allow_nan=False)


def _board(board: Board) -> dict[str, Any]:
    return {
        "kind": board.kind,
        "dataset": board.dataset,
        "title": board.title,
        "columns": [{"name": column.name, "unit": column.unit, "better": column.better} for column in board.columns],
        "sections": [
            {"title": section.title, **section.facts, "rows": [_row(row) for row in section.rows]}
            for section in board.sections
        ],
        "remarks": list(board.remarks),
        "notes": [{"subject": note.subject, "sentences": list(note.sentences)} for note in board.notes],
    }


def _row(row: Row) -> dict[str, Any]:
    values = {
        name: {key: figure for key, figure in asdict(value).items() if figure is not None}
        for name, value in row.values.items()
    }
    return {**row.labels, "status": row.status, "values": values}
