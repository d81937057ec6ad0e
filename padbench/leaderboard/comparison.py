"""Do two methods differ? Their figures on the same queries, with intervals from a paired bootstrap over queries."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from padbench.errors import UserError, nearest
from padbench.evaluate import dataset_of
from padbench.leaderboard.board import MEAN, Column
from padbench.leaderboard.bootstrap import draw_counts, percentile_interval
from padbench.leaderboard.headings import machine
from padbench.leaderboard.measures import ACCURACY, POSE, TIMING
from padbench.leaderboard.query_figures import statistics_of
from padbench.leaderboard.results import Competitor, Group, Result, collect, rankable_groups
from padbench.leaderboard.rows import listed
from padbench.leaderboard.selection import select
from padbench.store import RunFolder

RESAMPLES = 2000
_COLUMNS = {column.name: column for measure in (ACCURACY, POSE, TIMING) for column in measure.columns}
_OF_ACCURACY = {column.name for column in ACCURACY.columns}
_OF_TIMING = {column.name for column in TIMING.columns}

# Metric -> seed -> (2, 1 + B): both methods' figure of the data, then of each resample.
_Samples = dict[str, dict[int, NDArray[np.float64]]]


@dataclass(frozen=True)
class Difference:
    """A figure of both methods on a class, or its mean over all, and their difference `a - b` with a 95 % interval.

    name: the class, a category of classes, or "mean". seeds: those over which the figure is averaged.
    """

    name: str
    seeds: tuple[int, ...]
    a: float
    b: float
    low: float
    high: float
    higher_is_better: bool

    @property
    def difference(self) -> float:
        """How much larger the figure of a is."""
        return self.a - self.b

    @property
    def better(self) -> Literal["a", "b"] | None:
        """Which method is better beyond doubt, None where the interval holds 0."""
        if self.low <= 0 <= self.high:
            return None
        return "a" if (self.low > 0) == self.higher_is_better else "b"


@dataclass(frozen=True)
class Comparison:
    """Two methods on one data set in one profile. figures: the classes and the mean of each column that both have."""

    dataset: str
    profile: str
    a: str
    b: str
    resamples: int
    figures: tuple[tuple[Column, tuple[Difference, ...]], ...]
    remarks: tuple[str, ...]


def compare(
    runs: Sequence[RunFolder],
    a: str,
    b: str,
    dataset: str | None = None,
    profile: str | None = None,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare the methods labelled `a` and `b` on the boards, per data set and profile.

    Queries are drawn with replacement within each task, normal and anomalous ones apart, the same for both methods and
    all seeds; a figure is averaged over the seeds that both have, the mean over the complete set of classes. Equal
    runs give equal intervals.
    Raises UserError when a method is unknown, when no runs of the two may be compared, and when the data set is missing
    or has changed since the runs.
    """
    chosen = select(runs, dataset=dataset, profile=profile)
    results, _ = collect(chosen)
    groups = [
        group
        for name in sorted({result.run.unit.dataset for result in results})
        for group in rankable_groups([result for result in results if result.run.unit.dataset == name])
    ]
    _refuse_unknown(a, b, groups, chosen)
    comparisons = []
    for group in groups:
        found = {competitor.label: competitor for competitor in group.competitors}
        if a in found and b in found:
            comparisons.append(
                _compare(group, found[a], found[b], resamples, _unfinished(group, (found[a], found[b]), chosen))
            )
    if not comparisons:
        raise UserError(
            f"no run of {a!r} may be compared with one of {b!r}: {a!r} was run {_where(a, groups)}, {b!r} "
            f"{_where(b, groups)}; run both on the same data, in the same profile and with the same classes"
        )
    if not any(comparison.figures for comparison in comparisons):
        reasons = [remark for comparison in comparisons for remark in comparison.remarks]
        raise UserError(f"{a!r} and {b!r} have no figure in common; {'; '.join(reasons)}")
    return comparisons


def _refuse_unknown(a: str, b: str, groups: Sequence[Group], runs: Sequence[RunFolder]) -> None:
    labels = {competitor.label for group in groups for competitor in group.competitors}
    if a == b:
        raise UserError(f"{a!r} is to be compared with itself; name two methods: {nearest('', labels)}")
    for label in (a, b):
        if label in labels:
            continue
        _, unfinished = collect(run for run in runs if run.unit.method == label)
        if unfinished:
            raise UserError(f"no run of {label!r} is finished and evaluated; {unfinished[0]}")
        raise UserError(f"there is no run of a method {label!r}: {nearest(label, labels)}")


def _where(label: str, groups: Sequence[Group]) -> str:
    places = {
        (group.first.run.unit.dataset, group.first.run.unit.profile, group.classes, tuple(competitor.hashes.items()))
        for group in groups
        for competitor in group.competitors
        if competitor.label == label
    }
    return ", ".join(
        f"on {dataset} in profile {profile} ({len(classes)} classes, "
        f"data {' '.join(sorted({data_hash[:8] for _, data_hash in hashes}))})"
        for dataset, profile, classes, hashes in sorted(places)
    )


def _unfinished(group: Group, competitors: Sequence[Competitor], runs: Sequence[RunFolder]) -> list[str]:
    """A sentence for each run of the competitors that has no metrics."""
    unit = group.first.run.unit
    methods = {competitor.results[0].run.unit.method for competitor in competitors}
    _, remarks = collect(
        run
        for run in runs
        if (run.unit.dataset, run.unit.profile) == (unit.dataset, unit.profile) and run.unit.method in methods
    )
    return remarks


def _compare(group: Group, a: Competitor, b: Competitor, resamples: int, unfinished: Sequence[str]) -> Comparison:
    left_out: dict[str, list[str]] = {}  # reason -> tasks
    names, remarks = _comparable_columns(a, b)
    samples: dict[str, _Samples] = {}
    for task in group.classes:
        pairs, reason = _paired_runs(task, a, b)
        if reason is not None:
            left_out.setdefault(f"left out, {reason}", []).append(task)
            continue
        if reason := _why_untimed(pairs):
            left_out.setdefault(reason, []).append(task)
        shown = [name for name in names if reason is None or name not in _OF_TIMING]
        samples[task] = _sample(task, pairs, shown, resamples)
    figures = [(_COLUMNS[name], tuple(_rows(_COLUMNS[name], group, samples))) for name in names]
    figures = [(column, rows) for column, rows in figures if rows]
    remarks += [f"{listed(tasks)}: {reason}" for reason, tasks in left_out.items()] + list(unfinished)
    if figures and not any(row.name == MEAN for _, rows in figures for row in rows):
        remarks.append("no mean: it is taken over the complete set of classes, and over seeds that both have on all")
    unit = group.first.run.unit
    return Comparison(unit.dataset, unit.profile, a.label, b.label, resamples, tuple(figures), tuple(remarks))


def _comparable_columns(a: Competitor, b: Competitor) -> tuple[list[str], list[str]]:
    """The names of the columns that may be compared, and why others may not."""
    protocols = [competitor.results[0].run.info["protocol"] for competitor in (a, b)]
    if protocols[0] == protocols[1]:
        return list(_COLUMNS), []
    reason = f"accuracy is not compared: {a.label} is scored by protocol {protocols[0]}, {b.label} by {protocols[1]}"
    return [name for name in _COLUMNS if name not in _OF_ACCURACY], [reason]


def _paired_runs(task: str, a: Competitor, b: Competitor) -> tuple[dict[int, tuple[Result, Result]], str | None]:
    """The complete runs of both methods on a task, by seed, or why there are none."""
    complete: list[dict[int, Result]] = []
    for competitor in (a, b):
        of_task = [result for result in competitor.results if result.run.unit.task == task]
        whole = {result.run.unit.seed: result for result in of_task if not result.metrics["partial"]}
        if not whole:
            return {}, f"since {competitor.label} has {'only a partial' if of_task else 'no'} run"
        complete.append(whole)
    seeds = sorted(complete[0].keys() & complete[1].keys())
    if not seeds:
        listed_seeds = [" ".join(map(str, sorted(whole))) for whole in complete]
        return {}, f"since {a.label} has seeds {listed_seeds[0]} and {b.label} has seeds {listed_seeds[1]}"
    return {seed: (complete[0][seed], complete[1][seed]) for seed in seeds}, None


def _why_untimed(pairs: dict[int, tuple[Result, Result]]) -> str | None:
    for a, b in pairs.values():
        if a.hardware != b.hardware:
            machines = " and on ".join(dict.fromkeys([machine(a), machine(b)]))
            return f"times are not compared, since they were measured on {machines} (hardware in unit.json differs)"
    return None


def _sample(task: str, pairs: dict[int, tuple[Result, Result]], names: Sequence[str], resamples: int) -> _Samples:
    """The figures of both methods on one task: of its queries and of each resample of them."""
    truth = dataset_of(next(iter(pairs.values()))[0].run).ground_truth(task)
    anomalous = np.array([of_query.anomalous for of_query in truth])
    # The task's name seeds its generator: no two tasks share resamples, and none depends on which others were run.
    drawn = draw_counts(anomalous, resamples, np.random.default_rng(zlib.crc32(task.encode())))
    counts = np.concatenate([np.ones((1, len(truth)), dtype=np.int64), drawn])
    samples: _Samples = {}
    for seed, of_seed in pairs.items():
        of_both = [statistics_of(result.run, truth) for result in of_seed]
        for name in names:
            if all(name in statistics for statistics in of_both):
                scale = 100 if _COLUMNS[name].unit == "%" else 1
                samples.setdefault(name, {})[seed] = scale * np.stack(
                    [statistics[name](counts) for statistics in of_both]
                )
    return samples


def _rows(column: Column, group: Group, samples: dict[str, _Samples]) -> list[Difference]:
    """A row per category of classes, then the mean over the categories, each only where it is complete."""
    means = {category: _mean_over(column.name, tasks, samples) for category, tasks in group.categories.items()}
    rows = [_difference(column, category, of_seeds) for category, of_seeds in means.items() if of_seeds]
    seeds = set.intersection(*(set(of_seeds) for of_seeds in means.values()))
    if seeds:
        overall = {seed: np.mean([of_seeds[seed] for of_seeds in means.values()], axis=0) for seed in sorted(seeds)}
        rows.append(_difference(column, MEAN, overall))
    return rows


def _mean_over(name: str, tasks: Sequence[str], samples: dict[str, _Samples]) -> dict[int, NDArray[np.float64]]:
    of_tasks = [samples.get(task, {}).get(name, {}) for task in tasks]
    seeds = set.intersection(*(set(of_seeds) for of_seeds in of_tasks))
    return {seed: np.mean([of_seeds[seed] for of_seeds in of_tasks], axis=0) for seed in sorted(seeds)}


def _difference(column: Column, name: str, of_seeds: dict[int, NDArray[np.float64]]) -> Difference:
    a, b = np.mean(list(of_seeds.values()), axis=0)
    low, high = percentile_interval(a[1:] - b[1:])
    return Difference(name, tuple(of_seeds), float(a[0]), float(b[0]), low, high, column.better == "higher")
