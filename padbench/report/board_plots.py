"""Which plots stand below which board."""

from __future__ import annotations

from collections.abc import Sequence

from padbench.leaderboard.attributes import ATTRIBUTES, AttributePoint, rank_correlation
from padbench.leaderboard.board import Board, Row, Section
from padbench.report.plots import Point, per_class, scatter, stage_times
from padbench.report.table_view import Plot

_METRIC, _METRIC_TITLE = "image_auroc", "image AUROC [%]"


def board_plots(board: Board, points: Sequence[AttributePoint]) -> list[Plot]:
    """The plots of a board; none where there is too little to plot, or where rows are published and not by class.

    points: of all data sets, for the boards of attributes.
    """
    if board.kind == "attributes":
        drawn = _attribute_plots([point for point in points if point.dataset == board.dataset])
    else:
        drawn = [
            (f"{title}: {section.title}", markup)
            for section in board.sections
            if "source" not in section.facts
            for title, markup in _plots(board, section)
        ]
    return [Plot(title, markup) for title, markup in drawn if markup]


def _plots(board: Board, section: Section) -> list[tuple[str, str | None]]:
    if board.kind == "accuracy":
        return [("Image AUROC by class", per_class(section, _METRIC, _METRIC_TITLE))]
    if board.kind == "timing":
        return [("Seconds per query by stage", stage_times(section, "seconds per query"))]
    if board.kind == "pareto":
        points = [_pareto_point(row) for row in section.rows]
        return [("Pareto front", scatter(points, "Pareto front", "seconds per query", _METRIC_TITLE, True))]
    return []


def _pareto_point(row: Row) -> Point:
    values = {name: value.value for name, value in row.values.items()}
    return Point(row.labels["method"], values["seconds_per_query"], values[_METRIC], values["pareto_front"] == 1)


def _attribute_plots(points: Sequence[AttributePoint]) -> list[tuple[str, str | None]]:
    drawn = []
    for section in dict.fromkeys(point.section for point in points):
        for attribute, title in ATTRIBUTES.items():
            shown: dict[str, list[AttributePoint]] = {}
            for point in points:
                if (point.section, point.attribute, point.metric) == (section, attribute, _METRIC):
                    shown.setdefault(point.method, []).append(point)
            dots = [dot for method, of_method in shown.items() for dot in _dots(method, of_method)]
            drawn.append((f"Accuracy against {title}: {section}", scatter(dots, title, title, _METRIC_TITLE)))
    return drawn


def _dots(method: str, points: Sequence[AttributePoint]) -> list[Point]:
    """The dots of a method, under its name with the rank correlation where there is one."""
    found = rank_correlation([point.attribute_value for point in points], [point.accuracy for point in points])
    # The correlation first: long names are cut.
    label = f"rho {found.rho:.2f}: {method}" if found else method
    return [Point(label, point.attribute_value, point.accuracy, about=point.name) for point in points]
