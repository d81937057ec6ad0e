"""The folder leaderboards/ as it is committed: everything but the measured and the published figures is computed.

`make leaderboards` runs this module.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.leaderboard.attributes import AttributePoint, published_attribute_data
from padbench.leaderboard.board import MEAN, Board
from padbench.leaderboard.board_file import NAME, read_boards
from padbench.leaderboard.build import build_boards
from padbench.leaderboard.formats.markdown import render
from padbench.leaderboard.measured import PROVENANCE, introduction
from padbench.marked import with_part
from padbench.plugins import Plugins, load_plugins
from padbench.report.site import Content, write_pages

_LEAD = (
    "Every figure measured by padbench that is committed with it, beside the figures that papers print. Published rows "
    "were not measured here and are never ranked among the measured ones."
)
_SHOWN = ("accuracy", "pose", "timing")


def rebuild(folder: Path, readme: Path, dataset: str, plugins: Plugins) -> list[Path]:
    """Write what follows from <folder>/measured/*/ and the published numbers; returns the files.

    These are README.md of each measured data set, the part `boards` of <folder>/README.md and, with the means on
    `dataset`, of `readme`, index.html and methods/. Raises UserError when a file is missing or damaged.
    """
    measured = {file.parent.name: read_boards(file.parent) for file in sorted(folder.glob(f"measured/*/{NAME}"))}
    if dataset not in measured:
        raise UserError(f"{folder / 'measured'} has no boards of {dataset!r}: padbench leaderboard RUNS --write")
    texts: dict[Path, str] = {}
    for name, boards in measured.items():
        texts[folder / "measured" / name / "README.md"] = introduction(name) + render(boards).rstrip("\n") + "\n"
    overview = "\n\n".join(
        f"## Measured on {name}\n\n{summary(boards)}\n\nEvery class, the poses, what each method does differently from "
        f"its paper, and the provenance: [measured/{name}](measured/{name}/README.md)."
        for name, boards in measured.items()
    )
    for file, part in ((folder / "README.md", overview), (readme, summary(measured[dataset]))):
        texts[file] = with_part(file.read_text(encoding="utf-8"), "boards", part)
    for path, text in texts.items():
        write_atomically(path, text.encode())
    methods = {registration.name for registration in plugins.registered("method")}
    pages = write_pages(folder, _content(folder, measured, methods), plugins)
    for stale in set(folder.glob("methods/*.html")) - set(pages):
        stale.unlink()
    return [*texts, *pages]


def summary(boards: Sequence[Board]) -> str:
    """The mean rows of the accuracy, pose and timing boards in Markdown, below headings of the third order."""
    means = [
        replace(
            board,
            sections=tuple(
                replace(section, rows=tuple(row for row in section.rows if row.labels["class"] == MEAN))
                for section in board.sections
            ),
            notes=(),
        )
        for board in boards
        if board.kind in _SHOWN
    ]
    lines = render(means).strip().splitlines()
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in lines)


def _content(folder: Path, measured: dict[str, list[Board]], methods: set[str]) -> Content:
    """methods: those whose published figures are plotted, since dots of all would hide each other."""
    published = build_boards([], published=True)
    boards: list[Board] = []
    points: list[AttributePoint] = []
    for name in [*measured, *sorted({board.dataset for board in published} - measured.keys())]:
        boards += measured.get(name, [])
        boards += [board for board in published if board.dataset == name]
        if (data := published_attribute_data(name)) is not None:
            boards += data.boards
            points += [point for point in data.points if point.method in methods]
    known: dict[str, dict[str, Any]] = {
        name: json.loads((folder / "measured" / name / PROVENANCE).read_text(encoding="utf-8")) for name in measured
    }
    return Content("padbench leaderboards", _LEAD, tuple(boards), known, points=tuple(points))


if __name__ == "__main__":
    for written in rebuild(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], load_plugins()):
        print(written)
