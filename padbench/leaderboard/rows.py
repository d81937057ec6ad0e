"""From a group of competitors to the rows of a section: one per class and method, then the means."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from padbench.leaderboard.board import COMPLETE, MEAN, Column, Row, Section, Value, ranked
from padbench.leaderboard.results import Competitor, Group, Result

Figures = dict[str, float]
_NAMED = 4


@dataclass(frozen=True)
class Measure:
    """What a kind of board shows.

    of_unit: the figures of one unit, by column name, absent where not defined. over_classes: the figures of a method
    from those of all its classes.
    """

    columns: tuple[Column, ...]
    of_unit: Callable[[Result], Figures]
    over_classes: Callable[[Sequence[Figures]], Figures]


LABELS = {"class": "class", "method": "method", "image_size": "image size", "seeds": "seeds"}


def section(group: Group, measure: Measure, title: str, facts: dict[str, str]) -> Section:
    """Make the rows: class by class, the best mean first within each; a mean only over the complete set of classes.

    The classes of one category share a row, their mean, and count as one in the mean over all.
    """
    categories = group.categories
    means = {competitor.label: _mean_row(competitor, MEAN, categories, measure) for competitor in group.competitors}
    first = measure.columns[0]

    def order(competitor: Competitor) -> tuple[float, str]:
        mean = means[competitor.label].values.get(first.name)
        sign = -1 if first.better == "higher" else 1
        return (sign * mean.value if mean else float("inf")), competitor.label

    competitors = sorted(group.competitors, key=order)
    run = {task for competitor in competitors for task in competitor.hashes}
    rows = [
        _class_row(competitor, category, tasks[0], measure)
        if len(tasks) == 1
        else _mean_row(competitor, category, {task: (task,) for task in tasks}, measure)
        for category, tasks in categories.items()
        if run.intersection(tasks)
        for competitor in competitors
    ]
    rows += [means[competitor.label] for competitor in competitors]
    return Section(title, ranked(rows, measure.columns), facts)


def mean_figures(classes: Sequence[Figures]) -> Figures:
    """The mean of each figure that all classes have."""
    common = set(classes[0]).intersection(*classes)
    return {name: statistics.fmean(figures[name] for figures in classes) for name in classes[0] if name in common}


def _class_row(competitor: Competitor, name: str, task: str, measure: Measure) -> Row:
    of_task = [result for result in competitor.results if result.run.unit.task == task]
    if not of_task:
        return Row(_labels(competitor, name, []), "missing")
    whole = [result for result in of_task if not result.metrics["partial"]]
    shown = whole or of_task
    labels = _labels(competitor, name, [result.run.unit.seed for result in shown])
    return Row(labels, COMPLETE if whole else _partial(shown), _over_seeds([measure.of_unit(r) for r in shown]))


def _mean_row(competitor: Competitor, name: str, categories: dict[str, tuple[str, ...]], measure: Measure) -> Row:
    """The mean over the categories' means of each seed that is complete on all classes, then over these seeds."""
    classes = [task for tasks in categories.values() for task in tasks]
    whole: dict[int, dict[str, Result]] = {}
    for result in competitor.results:
        if not result.metrics["partial"]:
            whole.setdefault(result.run.unit.seed, {})[result.run.unit.task] = result
    seeds = sorted(seed for seed, of_task in whole.items() if set(classes) <= set(of_task))
    if not seeds:
        return Row(_labels(competitor, name, []), _why_no_mean(competitor, classes))
    means = []
    for seed in seeds:
        figures = {task: measure.of_unit(whole[seed][task]) for task in classes}
        of_category = [measure.over_classes([figures[task] for task in tasks]) for tasks in categories.values()]
        means.append(measure.over_classes(of_category))
    return Row(_labels(competitor, name, seeds), COMPLETE, _over_seeds(means))


def _labels(competitor: Competitor, task: str, seeds: Sequence[int]) -> dict[str, str]:
    image_size = competitor.results[0].run.info["dataset"]["image_size"]
    return {
        "class": task,
        "method": competitor.label,
        "image_size": "on disk" if image_size is None else str(image_size),
        "seeds": " ".join(map(str, sorted(seeds))),
    }


def _partial(results: Sequence[Result]) -> str:
    first = results[0]
    done = first.metrics["queries"] - first.metrics["failed_queries"]
    return f"partial: {done} of {first.run.info['queries']} queries"


def _why_no_mean(competitor: Competitor, classes: Sequence[str]) -> str:
    absent = [task for task in classes if task not in competitor.hashes]
    partial = [
        task
        for task in classes
        if task in competitor.hashes
        and all(result.metrics["partial"] for result in competitor.results if result.run.unit.task == task)
    ]
    reasons = [f"missing: {listed(absent)}"] if absent else []
    reasons += [f"partial: {listed(partial)}"] if partial else []
    return "; ".join(reasons) or "missing: no seed is complete on all classes"


def listed(tasks: Sequence[str]) -> str:
    """The first few tasks and how many more there are."""
    more = len(tasks) - _NAMED
    return ", ".join(tasks[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _over_seeds(figures: Sequence[Figures]) -> dict[str, Value]:
    common = set(figures[0]).intersection(*figures)
    values = {}
    for name in figures[0]:
        if name in common:
            of_seeds = [of_seed[name] for of_seed in figures]
            deviation = statistics.stdev(of_seeds) if len(of_seeds) > 1 else None
            values[name] = Value(statistics.fmean(of_seeds), deviation)
    return values
