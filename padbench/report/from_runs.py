"""A site from stored runs: their boards, and galleries where their data sets are at hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from padbench.errors import UserError
from padbench.evaluate import dataset_of
from padbench.interfaces import Progress
from padbench.leaderboard.attributes import AttributeData, attribute_data
from padbench.leaderboard.board import Board
from padbench.leaderboard.measured import provenance
from padbench.leaderboard.results import collect
from padbench.plugins import load_plugins
from padbench.report.gallery import LONGEST, Case, make_cases
from padbench.report.site import Content, Gallery, claim, replace_site, write_pages
from padbench.store import RunFolder

_LEAD = (
    "Pose-agnostic anomaly detection: given posed images of a normal object, does an image from an unknown pose show a "
    "defect, and where?"
)


def write_site(
    runs: Sequence[RunFolder], boards: Sequence[Board], folder: Path, title: str, progress: Progress
) -> list[str]:
    """Write the pages of finished and evaluated runs into `folder`, which is replaced as a whole when all is made.

    Returns sentences on what is not shown, which the first page says as well. Raises UserError when the folder holds
    anything but an earlier site.
    """
    folder = folder.resolve()
    claim(folder)
    made = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(made, ignore_errors=True)
    try:
        results, warnings = collect(runs)
        shown = [result.run for result in results]
        galleries = _galleries(shown, made, warnings, progress)
        attributes = _attributes(shown, warnings)
        datasets = sorted({run.unit.dataset for run in shown})
        known = {name: provenance([run for run in shown if run.unit.dataset == name]) for name in datasets}
        content = Content(
            title,
            _LEAD,
            (*boards, *(board for data in attributes for board in data.boards)),
            known,
            tuple(galleries),
            tuple(point for data in attributes for point in data.points),
            tuple(warnings),
        )
        write_pages(made, content, load_plugins())
        replace_site(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return warnings


def _attributes(runs: Sequence[RunFolder], warnings: list[str]) -> list[AttributeData]:
    found = []
    for dataset in sorted({run.unit.dataset for run in runs}):
        try:
            found += attribute_data([run for run in runs if run.unit.dataset == dataset])
        except UserError as missing:
            warnings.append(f"no attributes of the objects of {dataset}: {missing}")
    return found


def _galleries(runs: Sequence[RunFolder], site: Path, warnings: list[str], progress: Progress) -> list[Gallery]:
    """A gallery per recipe of a method; of several seeds, or results of one unit in several folders, the first."""

    def recipe(run: RunFolder) -> tuple[str, str, str, str]:
        return run.unit.dataset, run.unit.method, run.unit.profile, run.info["hashes"]["recipe"]

    galleries = []
    ordered = sorted(runs, key=lambda run: (recipe(run), run.unit.seed, run.unit.task))
    with_progress = progress.track(ordered, "pictures of the galleries")
    for (dataset, name, profile, _), of_recipe in groupby(with_progress, key=recipe):
        cases: list[Case] = []
        queries, notes, seen, reference = 0, [], set(), ""
        for run in of_recipe:
            if run.unit.task in seen:
                notes.append(f"{run.unit.task}: seed {run.unit.seed} is not shown a second time.")
                continue
            seen.add(run.unit.task)
            reference = run.recipe.get("reference", "")
            try:
                opened = dataset_of(run)
                asked = [query for scene in opened.task(run.unit.task).test for query in scene.queries]
                of_task, count = make_cases(run, asked, opened.ground_truth(run.unit.task), site)
            except UserError as missing:
                warnings.append(f"no gallery of {run.unit}: {missing}")
                continue
            cases += of_task
            queries += count
            if count > LONGEST:
                notes.append(f"{run.unit.task}: the worst {LONGEST} of {count} queries are shown.")
        if cases:
            cases.sort(key=lambda case: -2.0 if case.wrongness is None else -case.wrongness)
            galleries.append(
                Gallery(dataset, name, profile, _mark(ordered, run), reference, tuple(cases), queries, tuple(notes))
            )
    return galleries


def _mark(runs: Sequence[RunFolder], run: RunFolder) -> str:
    """What tells the recipe of a run from others under the same name; empty where there is one alone."""
    unit = run.unit
    same = (unit.dataset, unit.method, unit.profile)
    recipes = {
        other.info["hashes"]["recipe"]
        for other in runs
        if (other.unit.dataset, other.unit.method, other.unit.profile) == same
    }
    return f"recipe {run.info['hashes']['recipe'][:8]}" if len(recipes) > 1 else ""
