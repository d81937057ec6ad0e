"""What a board consists of, as pure data, and how the best of a section are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

COMPLETE = "complete"
MEAN = "mean"
"""The class label of a mean over the complete set of classes."""
TRUTH = "1 or 0"
"""The unit of a column that says yes or no."""


@dataclass(frozen=True)
class Column:
    """A column of figures.

    name: stable, the metric of CSV and JSON. better: which end is ranked first, None where nothing is ranked.
    digits: decimals shown, None for three significant digits. detail: shown in CSV and JSON only.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"] | None
    digits: int | None = None
    detail: bool = False


@dataclass(frozen=True)
class Value:
    """A figure: mean over seeds, sample standard deviation where there are several, place (1, 2, ...) where ranked.

    printed: how the paper prints a published figure.
    """

    value: float
    deviation: float | None = None
    place: int | None = None
    printed: str | None = None


@dataclass(frozen=True)
class Row:
    """A method on a class, or its mean over all classes.

    labels: texts such as class, method, seeds. status: `COMPLETE`, or why the row is not ranked. values: by name of
    their column, absent where not defined.
    """

    labels: dict[str, str]
    status: str = COMPLETE
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether there is nothing to show."""
        return self.status.startswith("missing")


@dataclass(frozen=True)
class Section:
    """Rows under one heading. facts: what all rows share, such as profile, protocol, hardware, source."""

    title: str
    rows: tuple[Row, ...]
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """What is to be known of a row's method: in what it differs from the paper, or a variant from its method."""

    subject: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """A table.

    kind: "accuracy", "pose", "timing", "pareto", "attributes", "attribute correlations" or "published timing". labels:
    titles of the label columns, by name. remarks: about the whole board. notes: about single methods, shown under the
    board.
    """

    kind: str
    dataset: str
    title: str
    labels: dict[str, str]
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    remarks: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def ranked(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[Row, ...]:
    """Give the complete rows of each class their places; a row alone in its class gets none, equal values share one."""
    result = []
    for row in rows:
        rivals = [other for other in rows if other.labels["class"] == row.labels["class"] and other.status == COMPLETE]
        values = dict(row.values)
        for column in columns:
            figures = [other.values[column.name].value for other in rivals if column.name in other.values]
            if row.status != COMPLETE or column.better is None or len(figures) < 2 or column.name not in values:
                continue
            own = values[column.name]
            before = [figure for figure in figures if (figure > own.value) == (column.better == "higher")]
            place = 1 + sum(figure != own.value for figure in before)
            values[column.name] = replace(own, place=place)
        result.append(replace(row, values=values))
    return tuple(result)
