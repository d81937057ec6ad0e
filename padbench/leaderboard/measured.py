"""Boards as files to commit: a folder per data set with CSV, Markdown and the provenance of every unit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.leaderboard.board_file import NAME, render_board_file
from padbench.leaderboard.build import build_boards
from padbench.leaderboard.formats.csv import render as render_csv
from padbench.leaderboard.formats.markdown import render as render_markdown
from padbench.leaderboard.results import collect
from padbench.store import RunFolder, Unit

SCHEMA = 1
KINDS = ("accuracy", "pose", "timing", "pareto")
PROVENANCE = "provenance.json"
_ENVIRONMENT = ("hardware", "libraries", "plugins")
_OF_UNIT = (
    "protocol",
    "queries",
    "hashes",
    "weights",
    "seconds",
    "fit_seconds",
    "warmup_queries",
    "peak_memory_bytes",
    "sessions",
    "started",
    "ended",
)
"""Entries of unit.json that tell how a result was obtained, and name no folder and no machine."""


def write_measured(runs: Sequence[RunFolder], folder: Path) -> list[Path]:
    """Write <folder>/<data set>/*.csv of the boards, boards.json, README.md and provenance.json.

    Returns what was written. Equal runs give equal bytes, wherever they lie. Everything is computed before the first
    file is written; files of an earlier call that have no successor are deleted. Raises UserError when a run is not
    finished, not evaluated or partial, when a unit occurs twice, when a unit of an earlier call would be dropped, and
    when a file cannot be written.
    """
    _require_complete(runs)
    _require_all(runs, folder)
    contents: dict[Path, str] = {}
    for dataset in sorted({run.unit.dataset for run in runs}):
        of_dataset = [run for run in runs if run.unit.dataset == dataset]
        boards = build_boards(of_dataset)
        for board in boards:
            contents[folder / dataset / f"{board.kind}.csv"] = render_csv([board])
        contents[folder / dataset / NAME] = render_board_file(boards)
        contents[folder / dataset / "README.md"] = introduction(dataset) + render_markdown(boards).rstrip("\n") + "\n"
        contents[folder / dataset / PROVENANCE] = json.dumps(provenance(of_dataset), indent=1, allow_nan=False) + "\n"
    for path, text in contents.items():
        write_atomically(path, text.encode())
    for dataset_folder in {path.parent for path in contents}:
        for kind in KINDS:
            if (stale := dataset_folder / f"{kind}.csv") not in contents:
                stale.unlink(missing_ok=True)
    return list(contents)


def provenance(runs: Sequence[RunFolder]) -> dict[str, Any]:
    """How each unit was obtained, without folders and host names; what units share is stated once.

    environments: hardware with threads, versions of libraries and plugins. recipes: as resolved, by their hash.
    """
    environments: list[dict[str, Any]] = []
    recipes: dict[str, Any] = {}
    units = []
    for run in sorted(runs, key=lambda run: tuple(map(str, vars(run.unit).values()))):
        environment = {name: run.info[name] for name in _ENVIRONMENT}
        if environment not in environments:
            environments.append(environment)
        recipes[run.info["hashes"]["recipe"]] = run.recipe
        dataset = {name: value for name, value in run.info["dataset"].items() if name != "root"}
        facts = {name: run.info[name] for name in _OF_UNIT}
        units.append(vars(run.unit) | facts | {"data": dataset, "environment": environments.index(environment)})
    return {"schema": SCHEMA, "environments": environments, "recipes": dict(sorted(recipes.items())), "units": units}


def _require_complete(runs: Sequence[RunFolder]) -> None:
    results, remarks = collect(runs)
    if remarks:
        raise UserError(f"boards are written of complete runs only; {remarks[0]}")
    seen: dict[tuple[Any, ...], Path] = {}
    for result in results:
        path = result.run.path
        if result.metrics["partial"]:
            raise UserError(
                f"boards are written of complete runs only; {path} is partial (--limit or failed queries): run it to "
                "the end, or leave it out"
            )
        other = seen.setdefault(tuple(vars(result.run.unit).values()), path)
        if other != path:
            raise UserError(f"{other} and {path} hold the same unit: leave one of them out")


def _require_all(runs: Sequence[RunFolder], folder: Path) -> None:
    """Rows that were measured with effort do not vanish because a run was not named."""
    given = {tuple(map(str, vars(run.unit).values())) for run in runs}
    for dataset in sorted({run.unit.dataset for run in runs}):
        file = folder / dataset / PROVENANCE
        if not file.is_file():
            continue
        try:
            units = json.loads(file.read_text(encoding="utf-8"))["units"]
            names = [field.name for field in fields(Unit)]
            written = [Unit(**{name: unit[name] for name in names}) for unit in units]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} cannot be read ({error}); restore it, or delete {file.parent}") from error
        for unit in written:
            if tuple(map(str, vars(unit).values())) not in given:
                raise UserError(
                    f"{file.parent} has {unit}, which is not among the runs: name its folder too, or delete "
                    f"{file.parent} to do without"
                )


def introduction(dataset: str) -> str:
    """What stands above the boards in README.md."""
    return (
        f"# Measured on {dataset}\n\n"
        "Written by `padbench leaderboard RUNS --write DIR` from complete runs; not to be edited. The CSV files hold "
        f"every figure in full precision, `{PROVENANCE}` the hashes, seeds, resolved recipes, weights, hardware and "
        "versions of every unit.\n\n"
    )
