"""padbench data: what a data set holds, whether a copy of it is intact, and how to get or make it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from padbench.cli.download import download
from padbench.datasets import open_dataset
from padbench.errors import UserError
from padbench.interfaces import MakesData
from padbench.plugins import load_plugins

if TYPE_CHECKING:
    from padbench.interfaces import Dataset
    from padbench.scene import Task

_PAPERS = ("licen", "readme", "attribution")
"""How the names of files begin that say what a data set is and what one may do with it."""


@click.group()
def command() -> None:
    """Show, check, make and download data sets.

    Example: padbench data info bricks
    """


@command.command()
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data set or data root.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, data: Path | None, as_json: bool) -> None:
    """Show classes, numbers of images, image size and licence files of a data set.

    Example: padbench data info mad --data ~/data/MAD-Sim
    """
    dataset = _open(name, data)
    classes = [_describe(dataset, task_name) for task_name in dataset.classes()]
    papers = [str(path) for path in _papers(dataset, classes)]
    if as_json:
        content = {"dataset": name, "root": str(dataset.root), "licence_and_readme": papers, "classes": classes}
        click.echo(json.dumps(content, indent=2))
        return
    _print_classes(name, classes)
    click.echo(f"folder: {dataset.root}")
    names = [str(Path(paper).relative_to(dataset.root)) for paper in papers]
    click.echo(f"licence and readme there: {', '.join(names) or 'none'}")
    for described in classes:
        if described["fault"]:
            click.echo(f"{described['class']}: {described['fault']}")


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, help="The data set whose layout the folder must have.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, path: Path, name: str, as_json: bool) -> None:
    """Validate a folder: decode every image, compare masks, poses and counts, list every fault. Exit code 2 for any.

    Example: padbench data check ~/data/MAD-Sim --as mad
    """
    dataset = _open(name, path)
    faults = list(dataset.check())
    intact = {task_name: images for task_name in dataset.classes() if (images := _intact(dataset, task_name, faults))}
    if as_json:
        content = {
            "dataset": name,
            "root": str(dataset.root),
            "classes": len(dataset.classes()),
            "intact": intact,
            "faults": faults,
        }
        click.echo(json.dumps(content, indent=2))
    else:
        for fault in faults:
            click.echo(fault)
        click.echo(
            f"{dataset.root}: {len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}; "
            f"{len(intact)} of {len(dataset.classes())} classes are intact, with {sum(intact.values())} images"
        )
    context.exit(2 if faults else 0)


@command.command()
@click.argument("name")
@click.option("--train-shapes", type=int, help="Objects to fit on; the data set has a default.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder to make it in, where not the data root.")
def make(name: str, train_shapes: int | None, data: Path | None) -> None:
    """Make a data set that is computed and not downloaded; resumes, and grows one that is there.

    Example: padbench data make chairs --train-shapes 1000
    """
    from rich.console import Console

    from padbench.progress import ConsoleProgress

    factory = load_plugins().resolve("dataset", name)
    if not isinstance(factory, MakesData):
        raise UserError(f"{name} is not a data set that can be made: see 'padbench data download {name}'")
    with ConsoleProgress(Console(stderr=True)) as progress:
        folder = factory.make(data, train_shapes=train_shapes, progress=progress)
    dataset = _open(name, data)
    for task in map(dataset.task, dataset.classes()):
        click.echo(f"{task.name} in {folder}: {len(task.fit)} objects to fit on, {len(task.test)} to test")


command.add_command(download)


def _open(name: str, data: Path | None) -> Dataset:
    return open_dataset(load_plugins(), name, data)


def _describe(dataset: Dataset, task_name: str) -> dict[str, Any]:
    described: dict[str, Any] = {"class": task_name, "views": None, "normal": None, "defects": {}, "size": None}
    described |= {"true_poses": None, "fit_objects": None, "test_objects": None, "labelled": None, "fault": None}
    try:
        task = dataset.task(task_name)
        truth = dataset.ground_truth(task_name)
        described["size"] = _image_size(task)
    except UserError as error:
        return described | {"fault": str(error)}
    described["views"] = sum(len(scene.views) for scene in task.fit)
    described["fit_objects"], described["test_objects"] = len(task.fit), len(task.test)
    described["labelled"] = sum(len(scene.labelled) for scene in task.fit)
    described["normal"] = sum(not known.anomalous for known in truth)
    described["defects"] = dict(Counter(known.defect for known in truth if known.defect is not None))
    described["true_poses"] = all(known.world_to_camera is not None for known in truth)
    return described


def _image_size(task: Task) -> list[int]:
    """Width and height; scenes without views have the size of their first query."""
    for scene in (*task.fit, *task.test):
        if scene.views:
            return [scene.views[0].camera.width, scene.views[0].camera.height]
        if scene.queries:
            height, width, _ = scene.queries[0].load().shape
            return [width, height]
    raise UserError(f"task {task.name!r} has no image")


def _papers(dataset: Dataset, classes: list[dict[str, Any]]) -> list[Path]:
    """Licence and readme files of the root, else of the first class that has some."""
    for folder in (dataset.root, *(dataset.root / described["class"] for described in classes)):
        if folder.is_dir():
            found = sorted(path for path in folder.iterdir() if path.name.lower().startswith(_PAPERS))
            if found:
                return found
    return []


def _print_classes(name: str, classes: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=name, title_justify="left", box=box.SIMPLE)
    for heading in ("class", "views", "normal", "defects", "size", "poses"):
        table.add_column(heading, justify="left" if heading in ("class", "defects") else "right")
    for described in classes:
        if described["fault"]:
            table.add_row(described["class"], *[""] * 2, "missing or damaged")
            continue
        width, height = described["size"]
        table.add_row(
            described["class"],
            str(described["views"]),
            str(described["normal"]),
            ", ".join(f"{count} {defect}" for defect, count in described["defects"].items()),
            f"{width}x{height}",
            "known" if described["true_poses"] else "unknown",
        )
    Console().print(table)
    for described in classes:
        if described["labelled"]:
            click.echo(
                f"{described['class']}: fitted on {described['fit_objects']} objects with {described['labelled']} "
                f"labelled images, tested on {described['test_objects']}"
            )


def _intact(dataset: Dataset, task_name: str, faults: list[str]) -> int:
    """The number of images of a class that no fault names, 0 for a class with a fault."""
    folder = dataset.root / task_name
    # A data set that is one class keeps it in no folder of that name: every fault is then the class's.
    in_class = re.compile(re.escape(str(folder if folder.is_dir() else dataset.root)) + r"(?!\w)")
    if any(in_class.search(fault) for fault in faults):
        return 0
    try:
        task = dataset.task(task_name)
    except UserError:
        return 0
    scenes = {id(scene): scene for scene in (*task.fit, *task.test)}.values()
    return sum(len(scene.views) + len(scene.queries) + len(scene.labelled) for scene in scenes)
