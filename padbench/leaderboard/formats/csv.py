"""Boards in CSV: a line per figure, so that all boards share one header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from padbench.leaderboard.board import Board

COLUMNS = (
    "board",  # kind of board: accuracy, pose, timing, ...
    "dataset",
    "section",  # only figures of one section, class and metric may be ranked against each other
    "profile",
    "protocol",
    "hardware",
    "source",  # paper and table of published figures; how attributes of objects are known
    "class",  # class folder, or mean
    "method",
    "stage",
    "image_size",
    "seeds",  # separated by blanks
    "status",  # complete, published, or why the row is not ranked; "missing" rows have no metric and no value
    "metric",
    "value",
    "deviation",  # sample standard deviation over seeds, or as published
    "unit",
    "place",
    "note",
)
"""The header: stable."""


def render(boards: Sequence[Board]) -> str:
    """All figures of all boards in full precision."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", extrasaction="raise", lineterminator="\n")
    writer.writeheader()
    for board in boards:
        for section in board.sections:
            for row in section.rows:
                shared = {"board": board.kind, "dataset": board.dataset, "section": section.title, "status": row.status}
                shared |= section.facts | row.labels
                for column in board.columns:
                    if (value := row.values.get(column.name)) is not None:
                        figures = {"value": value.value, "deviation": value.deviation, "place": value.place}
                        writer.writerow(shared | {"metric": column.name, "unit": column.unit} | figures)
                if not row.values:
                    writer.writerow(shared)
    return buffer.getvalue()
