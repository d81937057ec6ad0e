"""Published numbers, as printed in the papers: beside measured rows, never among them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import padbench
from padbench.errors import UserError
from padbench.leaderboard.board import MEAN, Board, Column, Row, Section, Value
from padbench.leaderboard.measures import ACCURACY

STATUS = "published"

# The papers' spelling of a class, where it is not that of its folder.
_SPELLING = {"pheonix": "phoenix", "gluebottle": "glue"}
_SAME_METRIC = {"auc": "image_auroc"}


def published_folder() -> Path:
    """The folder of published/*.csv: inside an installed package, else in the checkout.

    Raises UserError when there is neither.
    """
    package = Path(padbench.__file__).parent
    for folder in (package / "published", package.parent / "leaderboards" / "published"):
        if (folder / "accuracy.csv").is_file():
            return folder
    raise UserError(f"the published numbers are missing from {package / 'published'}; install padbench again")


def published_datasets() -> list[str]:
    """The data sets of which there are published numbers."""
    return sorted({row["dataset"] for row in (*_read("accuracy.csv"), *_read("timing.csv"))})


def accuracy_sections(dataset: str, classes: Sequence[str]) -> list[Section]:
    """The main results of each paper's tables: percent, per class where printed, the mean as printed.

    classes: the folder names, to which the papers' names are matched and whose order is kept; empty for the papers'
    own. Ablations and other settings than the main one are left out.
    """
    names = {_paper_name(folder): folder for folder in classes}
    rows = [row for row in _read("accuracy.csv") if row["dataset"] == dataset and not row["split_or_setting"]]
    order = list(dict.fromkeys([*names, *(row["category"] for row in rows)]))
    sections = []
    for (source, table), of_table in _grouped(rows, "source", "table"):
        lines: dict[tuple[str, str], dict[str, Value]] = {}
        for row in of_table:
            values = lines.setdefault((row["category"], row["method"]), {})
            values[_SAME_METRIC.get(row["metric"], row["metric"])] = _value(row["value"], row["std"])
        known = {column.name for column in ACCURACY.columns}
        ordered = sorted(lines, key=lambda line: (line[0] == MEAN, order.index(line[0])))
        shown = tuple(
            Row({"class": names.get(category, category), "method": method}, STATUS, lines[category, method])
            for category, method in ordered
            if known & set(lines[category, method])
        )
        if shown:
            title = f"published: {source}, {table} (as printed, not measured here, not ranked)"
            sections.append(Section(title, shown, {"source": f"{source}, {table}"}))
    return sections


def published_attributes(dataset: str, classes: Sequence[str]) -> dict[str, tuple[dict[str, float], str]]:
    """The published attributes of those classes, by folder name, that have any: values by name, and the source."""
    names = {_paper_name(folder): folder for folder in classes}
    return {
        names[row["category"]]: (
            {"shape_complexity": float(row["shape_complexity"]), "colour_contrast": float(row["color_contrast"])},
            f"{row['source']}, {row['table']}",
        )
        for row in _read("object_attributes.csv")
        if row["dataset"] == dataset and row["category"] in names
    }


def timing_board(dataset: str) -> Board | None:
    """Times as printed, with what each leaves out; None where there is none."""
    rows = [row for row in _read("timing.csv") if row["dataset"] == dataset]
    sections = tuple(
        Section(
            f"published: {source}, {table}",
            tuple(
                Row(
                    {"method": row["method"], "stage": row["stage"], "hardware": row["hardware"], "note": row["note"]},
                    STATUS,
                    {"seconds": _value(row["seconds"])},
                )
                for row in of_table
            ),
            {"source": f"{source}, {table}"},
        )
        for (source, table), of_table in _grouped(rows, "source", "table")
    )
    if not sections:
        return None
    return Board(
        "published timing",
        dataset,
        f"Published times on {dataset} (as printed, not measured here, not ranked)",
        {"method": "method", "stage": "stage", "hardware": "hardware", "note": "note"},
        (Column("seconds", "seconds", "s", None),),
        sections,
    )


def _value(printed: str, deviation: str = "") -> Value:
    return Value(float(printed), float(deviation) if deviation else None, printed=printed)


def _paper_name(folder: str) -> str:
    name = folder.lstrip("0123456789_- ").lower().replace("_", "").replace(" ", "")
    return _SPELLING.get(name, name)


def _grouped(rows: Iterable[dict[str, str]], *names: str) -> list[tuple[tuple[str, ...], list[dict[str, str]]]]:
    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in names)

    return [(value, list(members)) for value, members in groupby(sorted(rows, key=key), key=key)]


@lru_cache(maxsize=8)
def _read(name: str) -> tuple[dict[str, str], ...]:
    with (published_folder() / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
