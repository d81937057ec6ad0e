"""Accuracy against time: which methods no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from padbench.leaderboard.board import COMPLETE, MEAN, TRUTH, Board, Column, Section, Value
from padbench.leaderboard.headings import distinct_titles, machine
from padbench.leaderboard.measures import ACCURACY, TIMING
from padbench.leaderboard.results import Group, Result, rankable_groups
from padbench.leaderboard.rows import LABELS, Figures, Measure, section

ACCURACY_COLUMN = next(column for column in ACCURACY.columns if column.name == "image_auroc")
TIME_COLUMN = next(column for column in TIMING.columns if column.name == "seconds_per_query")
FRONT_COLUMN = Column("pareto_front", "front", TRUTH, None, 0)
COLUMNS = (ACCURACY_COLUMN, TIME_COLUMN, FRONT_COLUMN)
_REMARK = (
    "front: no other method of the section is at least as good in both image AUROC and seconds per query and "
    "better in one; means of methods that are complete on all classes"
)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each point (accuracy, seconds) is on the front: more accuracy and fewer seconds are better.

    A point is off the front when another is at least as good in both and better in one; equal points share their fate.
    """
    on_front = [False] * len(points)
    best = float("-inf")
    order = sorted(range(len(points)), key=lambda index: points[index][1])
    for _, indices in groupby(order, key=lambda index: points[index][1]):
        equally_fast = list(indices)
        most = max(points[index][0] for index in equally_fast)
        for index in equally_fast:
            on_front[index] = points[index][0] == most > best
        best = max(best, most)
    return on_front


def pareto_board(dataset: str, results: Sequence[Result]) -> Board | None:
    """The mean of every complete method, on or off the front; None where there are fewer than two methods.

    A section per profile, scoring protocol, machine, data and set of classes: other rows are not comparable.
    """
    groups = rankable_groups(results, by_protocol=True, by_hardware=True)
    facts = [_facts(group) for group in groups]
    titles = [f"{shared['hardware']}; profile {shared['profile']}, protocol {shared['protocol']}" for shared in facts]
    headings = distinct_titles(titles, groups, True)
    sections = [
        _front_section(section(group, _MEASURE, heading, shared))
        for group, heading, shared in zip(groups, headings, facts, strict=True)
    ]
    shown = tuple(part for part in sections if part.rows)
    if len({row.labels["method"] for part in shown for row in part.rows}) < 2:
        return None
    labels = {name: title for name, title in LABELS.items() if name != "class"}
    return Board("pareto", dataset, f"Accuracy against time on {dataset}", labels, COLUMNS, shown, (_REMARK,))


def _front_section(whole: Section) -> Section:
    """The complete means alone, marked."""
    names = [column.name for column in _MEASURE.columns]
    rows = [
        row
        for row in whole.rows
        if row.labels["class"] == MEAN and row.status == COMPLETE and all(name in row.values for name in names)
    ]
    on_front = pareto_front([(row.values[names[0]].value, row.values[names[1]].value) for row in rows])
    marked = (
        replace(row, values=row.values | {FRONT_COLUMN.name: Value(float(on))})
        for row, on in zip(rows, on_front, strict=True)
    )
    return replace(whole, rows=tuple(marked))


def _facts(group: Group) -> dict[str, str]:
    info = group.first.run.info
    return {"profile": group.first.run.unit.profile, "protocol": info["protocol"], "hardware": machine(group.first)}


def _figures(result: Result) -> Figures:
    figures = ACCURACY.of_unit(result) | TIMING.of_unit(result)
    return {column.name: figures[column.name] for column in _MEASURE.columns if column.name in figures}


_MEASURE = Measure((ACCURACY_COLUMN, TIME_COLUMN), _figures, ACCURACY.over_classes)
