"""From stored runs to boards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from padbench.leaderboard.board import Board, Section
from padbench.leaderboard.headings import distinct_titles, machine
from padbench.leaderboard.measures import ACCURACY, POSE, TIMING
from padbench.leaderboard.notes import notes
from padbench.leaderboard.pareto import pareto_board
from padbench.leaderboard.published import accuracy_sections, published_datasets, timing_board
from padbench.leaderboard.results import Group, Result, collect, rankable_groups
from padbench.leaderboard.rows import LABELS, Measure, section
from padbench.store import RunFolder

if TYPE_CHECKING:
    from rich.console import Console


def build_boards(runs: Sequence[RunFolder], published: bool = False, dataset: str | None = None) -> list[Board]:
    """Build accuracy, pose, timing and Pareto boards per data set; the pose board only where true poses are known, the
    Pareto board only where two methods are complete on all classes.

    published: add the papers' numbers in sections of their own. dataset: this data set only; without runs and without
    it, `published` shows every data set that has published numbers.
    Raises UserError when a metrics.json is damaged.
    """
    names = sorted({run.unit.dataset for run in runs})
    if dataset is not None:
        names = [dataset]
    elif not names and published:
        names = published_datasets()
    boards = []
    for name in names:
        results, remarks = collect(run for run in runs if run.unit.dataset == name)
        boards += _boards_of(name, results, remarks, published)
    return boards


def measured_accuracy(groups: Sequence[Group]) -> tuple[Section, ...]:
    """The section of the accuracy board of each group of `rankable_groups(..., by_protocol=True)`."""
    return _sections(groups, ACCURACY)


def print_boards(runs: Sequence[RunFolder], console: Console, published: bool = False) -> None:
    """Print the boards of the runs to a terminal."""
    from padbench.leaderboard.formats.terminal import render

    for board in build_boards(runs, published):
        console.print(render(board, console.width))


def _boards_of(dataset: str, results: Sequence[Result], remarks: Sequence[str], published: bool) -> list[Board]:
    groups = rankable_groups(results, by_protocol=True)
    printed: list[Section] = []
    if published:
        classes = tuple(groups[0].categories) if groups else ()
        printed = accuracy_sections(dataset, classes)
        if not printed:
            remarks = [*remarks, f"no published numbers of the data set {dataset!r}"]
    accuracy = measured_accuracy(groups)
    boards = [
        Board(
            "accuracy",
            dataset,
            f"Accuracy on {dataset} in percent",
            LABELS,
            ACCURACY.columns,
            (*accuracy, *printed),
            (*remarks, *_mixed_code(groups)),
            notes(groups),
        )
    ]
    # Neither poses nor times depend on how a map is scored.
    pose = _sections(rankable_groups(results), POSE)
    if any(row.values for part in pose for row in part.rows):
        remark = (
            "rotation: angle between true and estimated orientation; centre: distance of the camera centres in scene "
            "units; AUC: area under the recall curve of the rotation error up to 5, 10, 20 degrees; coarse: the first "
            "pose of the chain"
        )
        boards.append(Board("pose", dataset, f"Pose errors on {dataset}", LABELS, POSE.columns, pose, (remark,)))
    if timing := _sections(rankable_groups(results, by_hardware=True), TIMING):
        remark = (
            "seconds: fit per class, the others per query; without coarse: all but the coarse pose, which papers leave "
            "out; retrieval: share of the coarse pose in the time of a query; peak: memory, on the mean row the "
            "largest of the classes; loading weights and warm-up are not counted"
        )
        boards.append(Board("timing", dataset, f"Time on {dataset}", LABELS, TIMING.columns, timing, (remark,)))
    if front := pareto_board(dataset, results):
        boards.append(front)
    if published and (times := timing_board(dataset)):
        boards.append(times)
    return boards


def _sections(groups: Sequence[Group], measure: Measure) -> tuple[Section, ...]:
    """A section per group, under headings that differ."""
    sections = []
    for group in groups:
        unit, info = group.first.run.unit, group.first.run.info
        facts = {"profile": unit.profile}
        title = f"profile {unit.profile}"
        if measure is ACCURACY:
            facts["protocol"] = info["protocol"]
            title = f"{title}, protocol {info['protocol']}"
        elif measure is TIMING:
            facts["hardware"] = machine(group.first)
            title = f"{facts['hardware']}; {title}"
        sections.append((title, facts, group))
    headings = distinct_titles([title for title, _, _ in sections], groups, measure is TIMING)
    return tuple(
        section(group, measure, heading, facts) for heading, (_, facts, group) in zip(headings, sections, strict=True)
    )


def _mixed_code(groups: Sequence[Group]) -> list[str]:
    return [
        f"{competitor.label}: its units were run with different versions of the code (see hashes.code in unit.json)"
        for group in groups
        for competitor in group.competitors
        if len({result.run.info["hashes"]["code"] for result in competitor.results}) > 1
    ]
