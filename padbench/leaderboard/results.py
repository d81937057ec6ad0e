"""Evaluated units, and which of them may share a row or a section."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from padbench.errors import UserError
from padbench.metrics.unit import SCHEMA
from padbench.store import RunFolder

Item = TypeVar("Item")


@dataclass(frozen=True)
class Result:
    """A finished and evaluated unit. metrics: the content of metrics.json."""

    run: RunFolder
    metrics: dict[str, Any]

    @property
    def out(self) -> Path:
        """The folder of results that the unit lies in (`--out`)."""
        return self.run.path.absolute().parents[4]

    @cached_property
    def hardware(self) -> str:
        """The complete description of the machine, as a text that is equal for equal machines."""
        return json.dumps(self.run.info["hardware"], sort_keys=True)


@dataclass(frozen=True)
class Competitor:
    """Units of one method with one recipe: its classes may be averaged."""

    label: str
    results: tuple[Result, ...]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The data hash of each class."""
        return _hashes(self.results)


@dataclass(frozen=True)
class Group:
    """Competitors that may be ranked: same data, profile, device and classes; see `rankable_groups` for the rest."""

    classes: tuple[str, ...]
    competitors: tuple[Competitor, ...]

    @property
    def first(self) -> Result:
        """A result that tells what all of the group share."""
        return self.competitors[0].results[0]

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The classes of each row of a table: of each category, where the data set has any, else each class alone."""
        category_of = self.first.run.info["dataset"].get("categories", {})
        rows: dict[str, tuple[str, ...]] = {}
        for task in self.classes:
            category = category_of.get(task, task)
            rows[category] = (*rows.get(category, ()), task)
        return rows


def collect(runs: Iterable[RunFolder]) -> tuple[list[Result], list[str]]:
    """Read the metrics of the runs; for each run without any a sentence that says what to do.

    Raises UserError when a metrics.json is damaged.
    """
    results, remarks = [], []
    opened: dict[Path, RunFolder] = {}
    for run in runs:
        opened.setdefault(run.path.resolve(), run)
    for run in opened.values():
        file = run.path / "metrics.json"
        if run.info["status"] == "failed":
            remarks.append(f"failed: {run.path}: {run.info['error']}")
        elif run.info["status"] != "done":
            remarks.append(f"not finished: {run.path}: the same 'padbench run' command resumes it")
        elif not file.exists():
            remarks.append(f"not evaluated: padbench evaluate {run.path}")
        else:
            results.append(Result(run, _read_metrics(file)))
    return results, remarks


def rankable_groups(results: Sequence[Result], by_protocol: bool = False, by_hardware: bool = False) -> list[Group]:
    """Sort results into competitors and these into groups whose rows may be ranked against each other.

    Results of a CPU and a GPU never share a group. by_protocol: the figures depend on how maps are scored.
    by_hardware: they depend on the machine.
    """

    def shared(result: Result) -> tuple[Any, ...]:
        info = result.run.info
        protocol = info["protocol"] if by_protocol else ""
        machine = result.hardware if by_hardware else ""
        device = info["hardware"]["device"]
        return result.run.unit.profile, protocol, tuple(info["dataset"]["classes"]), device, machine

    groups = []
    for key, members in _grouped(results, shared):
        competitors = _competitors(members)
        for compatible in _compatible(competitors, lambda competitor: competitor.hashes):
            groups.append(Group(key[2], _with_labels(compatible)))
    return groups


def _competitors(results: Sequence[Result]) -> list[Competitor]:
    competitors = []
    for (method, _), members in _grouped(
        results, lambda result: (result.run.unit.method, result.run.info["hashes"]["recipe"])
    ):
        units = [(result.run.unit.task, result.run.unit.seed) for result in members]
        # The same unit in two folders of results: two rows, told apart by folder.
        folders = _grouped(members, lambda result: (str(result.out),))
        for _, of_folder in folders if len(set(units)) < len(units) else [((), members)]:
            # Seeds that were run on different versions of the data are no repetitions of each other.
            of_seed = [tuple(seed) for _, seed in _grouped(of_folder, lambda result: (result.run.unit.seed,))]
            for compatible in _compatible(of_seed, _hashes):
                competitors.append(Competitor(method, tuple(result for seed in compatible for result in seed)))
    return competitors


def _with_labels(competitors: Sequence[Competitor]) -> tuple[Competitor, ...]:
    """Tell competitors of one name apart by what differs: the recipe, then the folder."""

    def recipe(competitor: Competitor) -> str:
        return f" (recipe {competitor.results[0].run.info['hashes']['recipe'][:8]})"

    def folder(competitor: Competitor) -> str:
        out = competitor.results[0].out
        return f" (in {out.relative_to(Path.cwd()) if out.is_relative_to(Path.cwd()) else out})"

    for distinction in (recipe, folder):
        marks: dict[str, set[str]] = {}
        for competitor in competitors:
            marks.setdefault(competitor.label, set()).add(distinction(competitor))
        competitors = [
            replace(competitor, label=competitor.label + distinction(competitor))
            if len(marks[competitor.label]) > 1
            else competitor
            for competitor in competitors
        ]
    return tuple(competitors)


def _compatible(items: Sequence[Item], hashes_of: Callable[[Item], dict[str, str]]) -> list[list[Item]]:
    """Put each item into the first group that has no class with another data hash."""
    groups: list[tuple[dict[str, str], list[Item]]] = []
    for item in items:
        hashes = hashes_of(item)
        for known, members in groups:
            if all(known.get(task, value) == value for task, value in hashes.items()):
                known.update(hashes)
                members.append(item)
                break
        else:
            groups.append((dict(hashes), [item]))
    return [members for _, members in groups]


def _hashes(results: Iterable[Result]) -> dict[str, str]:
    return {result.run.unit.task: result.run.info["hashes"]["data"] for result in results}


def _grouped(items: Iterable[Item], key: Callable[[Item], tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], list[Item]]]:
    return [(value, list(members)) for value, members in groupby(sorted(items, key=key), key=key)]


def _read_metrics(file: Path) -> dict[str, Any]:
    try:
        metrics: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read ({error}); compute it anew: padbench evaluate {file.parent}") from error
    if metrics.get("schema") != SCHEMA:
        raise UserError(
            f"{file} has schema {metrics.get('schema')!r}, this padbench reads {SCHEMA}; compute it anew: padbench "
            f"evaluate {file.parent}"
        )
    return metrics
