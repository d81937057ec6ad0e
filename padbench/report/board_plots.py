"""Which plots stand below which board."""

from __future__ import annotations

from padbench.leaderboard.board import Board, Section
from padbench.report.plots import per_class, stage_times
from padbench.report.table_view import Plot


def board_plots(board: Board) -> list[Plot]:
    """The plots of the measured sections of a board; none where there is too little to plot."""
    drawn = []
    for section in board.sections:
        if "source" not in section.facts:
            drawn += [Plot(f"{title}: {section.title}", markup) for title, markup in _plots(board, section) if markup]
    return drawn


def _plots(board: Board, section: Section) -> list[tuple[str, str | None]]:
    if board.kind == "accuracy":
        return [("Image AUROC by class", per_class(section, "image_auroc", "image AUROC [%]"))]
    if board.kind == "timing":
        return [("Seconds per query by stage", stage_times(section, "seconds per query"))]
    return []
