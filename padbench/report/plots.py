"""The plots of the pages, from boards and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from padbench.leaderboard.board import COMPLETE, MEAN, Row, Section
from padbench.report.svg import Drawing

_WIDTH = 760.0
_STAGES = (("coarse", "coarse pose"), ("refine", "refinement"), ("render", "rendering"), ("detect", "detection"))


@dataclass(frozen=True)
class Point:
    """A labelled point. front: whether no other is at least as good in both and better in one. about: in its tip."""

    label: str
    x: float
    y: float
    front: bool = False
    about: str = ""


def per_class(section: Section, metric: str, title: str, digits: int = 1) -> str | None:
    """A line per class with a mark per method; None where there are fewer than two classes or no figures.

    metric: the name of a column of percentages.
    """
    methods = list(dict.fromkeys(row.labels["method"] for row in section.rows))
    classes = list(dict.fromkeys(row.labels["class"] for row in section.rows if row.labels["class"] != MEAN))
    rows = [row for row in section.rows if metric in row.values and row.labels["class"] != MEAN]
    if len(classes) < 2 or not rows:
        return None
    low = _floor([row.values[metric].value for row in rows])
    left, top, step = 150.0, 34.0 + 20 * math.ceil(len(methods) / 3), 28.0
    height = top + step * len(classes) + 46
    drawing = Drawing(_WIDTH, height, title, f"{title}: a line per class, a mark per method.")
    _legend(drawing, methods)
    scale = _Linear(low, 100.0, left, _WIDTH - 30)
    for tick in _ticks(low, 100.0):
        drawing.line(scale(tick), top - 8, scale(tick), height - 42, "grid")
        drawing.text(scale(tick), height - 25, f"{tick:g}", "middle")
    drawing.text(_WIDTH - 30, height - 8, title, "end", "axis")
    for index, name in enumerate(classes):
        y = top + step * (index + 0.5)
        drawing.line(left, y, _WIDTH - 30, y, "grid")
        drawing.text(left - 12, y + 4, _short(name, 20), "end")
        for row in (row for row in rows if row.labels["class"] == name):
            value = row.values[metric].value
            tip = f"{row.labels['method']}, {name}: {value:.{digits}f} %{_remark(row)}"
            series = methods.index(row.labels["method"])
            # Equal figures would hide each other on one line.
            apart = (series - (len(methods) - 1) / 2) * min(6.0, 18 / len(methods))
            drawing.mark(scale(value), y + apart, series, tip, whole=row.status == COMPLETE)
    return drawing.render()


def stage_times(section: Section, title: str) -> str | None:
    """A bar per method, the stages of the mean query one after the other; None where no mean is complete."""
    rows = [row for row in section.rows if row.labels["class"] == MEAN and "seconds_per_query" in row.values]
    if not rows:
        return None
    left, top, step = 210.0, 34.0, 30.0
    height = top + step * len(rows) + 4
    longest = max(row.values["seconds_per_query"].value for row in rows)
    drawing = Drawing(_WIDTH, height, title, f"{title}: seconds of a mean query by stage, a bar per method.")
    for index, (_, stage) in enumerate(_STAGES):
        drawing.bar(left + 130 * index, 6, 12, 12, f"bar c{index}", stage)
        drawing.text(left + 130 * index + 18, 16, stage)
    scale = _Linear(0, longest or 1.0, left, _WIDTH - 90)
    for index, row in enumerate(rows):
        y, start = top + step * index, 0.0
        drawing.text(left - 12, y + 15, _short(row.labels["method"], 30), "end")
        for number, (stage, name) in enumerate(_STAGES):
            if (value := row.values.get(f"seconds_{stage}")) is not None:
                width = scale(start + value.value) - scale(start)
                drawing.bar(scale(start), y, width, 20, f"bar c{number}", f"{name}: {value.value:.3g} s")
                start += value.value
        drawing.text(scale(start) + 8, y + 15, f"{row.values['seconds_per_query'].value:.3g} s")
    return drawing.render()


def scatter(points: Sequence[Point], title: str, x_title: str, y_title: str, logarithmic: bool = False) -> str | None:
    """Points with labels, those on the front joined by steps; None where there are fewer than two.

    logarithmic: of the horizontal axis, whose values must then be positive.
    """
    if len(points) < 2:
        return None
    left, right, top, bottom = 60.0, _WIDTH - 30, 16.0, 330.0
    labels = list(dict.fromkeys(point.label for point in points))
    legend_rows = math.ceil(len(labels) / 3)
    drawing = Drawing(_WIDTH, bottom + 52 + 20 * legend_rows, title, f"{title}: {y_title} against {x_title}.")
    low, high = _floor([point.y for point in points]), _ceiling([point.y for point in points])
    vertical = _Linear(low, high, bottom, top)
    horizontal = (_Logarithmic if logarithmic else _Linear)(*_span([p.x for p in points], logarithmic), left, right)
    for tick in _ticks(low, high):
        drawing.line(left, vertical(tick), right, vertical(tick), "grid")
        drawing.text(left - 8, vertical(tick) + 4, f"{tick:g}", "end")
    for tick in horizontal.ticks():
        drawing.line(horizontal(tick), top, horizontal(tick), bottom, "grid")
        drawing.text(horizontal(tick), bottom + 18, f"{tick:g}", "middle")
    drawing.text(right, bottom + 36, x_title, "end", "axis")
    drawing.text(left, bottom + 36, f"upwards: {y_title}", "start", "axis")
    front = sorted((point for point in points if point.front), key=lambda point: point.x)
    if len(front) > 1:
        steps = []
        for before, after in pairwise(front):
            steps += [(horizontal(before.x), vertical(before.y)), (horizontal(after.x), vertical(before.y))]
        drawing.path([*steps, (horizontal(front[-1].x), vertical(front[-1].y))], "front")
    for point in points:
        name = f"{point.label}, {point.about}" if point.about else point.label
        tip = f"{name}: {point.y:.4g} at {point.x:.3g}{' (on the front)' if point.front else ''}"
        drawing.mark(horizontal(point.x), vertical(point.y), labels.index(point.label), tip, 6.5)
    _legend(drawing, labels, bottom + 58)
    return drawing.render()


@dataclass(frozen=True)
class _Linear:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self) -> list[float]:
        return _ticks(self.low, self.high)


@dataclass(frozen=True)
class _Logarithmic(_Linear):
    def __call__(self, value: float) -> float:
        span = math.log(self.high) - math.log(self.low)
        return self.start + (self.end - self.start) * (math.log(value) - math.log(self.low)) / span

    def ticks(self) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        marks = [10.0**decade * factor for decade in decades for factor in (1, 2, 5)]
        return [mark for mark in marks if self.low <= mark <= self.high]


def _span(values: Sequence[float], logarithmic: bool) -> tuple[float, float]:
    """A range that holds the values with some room at both ends."""
    low, high = min(values), max(values)
    if logarithmic:
        return low / 1.6, high * 1.6
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def _floor(values: Sequence[float]) -> float:
    """A round percentage a little below all values."""
    low = min(values)
    step = 1 if low > 97 else 10
    return max(0.0, step * math.floor((low - 0.1 * step) / step))


def _ceiling(values: Sequence[float]) -> float:
    high = max(values)
    return 100.0 if high > 90 else 10 * math.floor(high / 10 + 1)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from low to high."""
    rough = (high - low) / 5 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(step * index, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _legend(drawing: Drawing, labels: Sequence[str], top: float = 20.0) -> None:
    for index, label in enumerate(labels):
        x, y = 20 + 250 * (index % 3), top + 20 * (index // 3)
        drawing.mark(x, y - 4, index, label)
        drawing.text(x + 12, y, _short(label, 34))


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _remark(row: Row) -> str:
    return "" if row.status == COMPLETE else f" ({row.status})"
