"""padbench run: methods x classes x seeds on a data set, or a suite of them, then evaluation and boards."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from padbench.errors import MissingData, UserError, nearest

if TYPE_CHECKING:
    from rich.console import Console

    from padbench.interfaces import Dataset
    from padbench.methods import Method
    from padbench.plugins import Plugins
    from padbench.runner import Settings
    from padbench.store import RunFolder, Unit
    from padbench.suite import Suite


@click.command()
@click.option("--method", "names", multiple=True, help="Method to run; may be repeated.")
@click.option("--dataset", help="Data set, see 'padbench list datasets'.")
@click.option("--suite", "suite_file", type=click.Path(path_type=Path), help="Run what a suite lists, see benchmarks/.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data set.")
@click.option("--classes", help="Comma-separated class folders; default: all.")
@click.option(
    "--profile", type=click.Choice(["paper", "lite"]), help="Default: paper where CUDA is available, else lite."
)
@click.option(
    "--image-size", type=click.IntRange(min=16), help="Short for --set image_size=N: longer image side in px."
)
@click.option(
    "--seed", "seeds", type=click.IntRange(min=0), multiple=True, help="May be repeated; default: 0, or the suite's."
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Predict only the first N queries of each class; never ranked."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a recipe key, such as pose.1.steps=100."
)
@click.option("--label", help="What the method is called with these overrides; default: METHOD[PATH=VALUE,...].")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of the results."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--overwrite", is_flag=True, help="Discard what earlier runs of these units left.")
def command(
    names: tuple[str, ...],
    dataset: str | None,
    suite_file: Path | None,
    data: Path | None,
    classes: str | None,
    profile: str | None,
    image_size: int | None,
    seeds: tuple[int, ...],
    limit: int | None,
    overrides: tuple[str, ...],
    label: str | None,
    out: Path,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Fit, predict and evaluate methods on a data set, and print the boards.

    A run that was stopped is resumed by the same command. Results with overrides are kept and shown under a label.

    \b
    Example: padbench run --method igspad --dataset bricks --set pose.1.steps=100
             padbench run --suite benchmarks/bricks.yaml
    """
    from rich.console import Console

    from padbench.interfaces import Runtime
    from padbench.plugins import load_plugins
    from padbench.progress import ConsoleProgress, SilentProgress
    from padbench.runner import Settings
    from padbench.store import Unit
    from padbench.suite import find_methods, resolve_suite
    from padbench.warmup import warm_up

    # Everything that can be wrong with the command is found before the first unit starts.
    plugins = load_plugins()
    if image_size is not None:
        overrides = (*overrides, f"image_size={image_size}")
    suite = _suite(suite_file, names, dataset, overrides, label)
    _require_dataset(plugins, suite)
    find_methods(plugins, suite)
    device, threads = choose_machine(device, threads)
    default_profile = profile_by_default(device)
    methods = resolve_suite(plugins, suite, profile, default_profile)
    sizes = {method.image_size for method in methods}
    readers = _readers(plugins, suite.dataset, data, sizes)
    tasks = _tasks(readers[methods[0].image_size], suite.dataset, classes)
    for reader in readers.values():
        for task in tasks:
            reader.task(task)
    seeds = tuple(dict.fromkeys(seeds)) or suite.seeds
    runtime = Runtime(device, seeds[0], SilentProgress())
    for method in methods:
        for component in method.components():
            component.build(runtime)

    console = Console(markup=False)
    if not console.is_terminal:
        console.width = 160  # a file or a pipe: the boards need not be split
    console.print(
        f"{_listed(methods)} on {suite.dataset}: {', '.join(tasks)}; "
        f"{device}, {threads} thread{'s' if threads > 1 else ''}; results in {out}"
    )
    packages = {package for method in methods for package in method.packages()}
    for origin, seconds in warm_up(plugins, device, packages):
        if seconds > 3:
            console.print(f"compiled the kernels of {origin.plugin} in {seconds:.0f} s, once")
    runs: list[RunFolder] = []
    wrong: list[int] = []
    for method in methods:
        for task in tasks:
            for seed in seeds:
                unit = Unit(suite.dataset, method.label, method.profile, task, seed)
                with ConsoleProgress(console) as progress:
                    settings = Settings(out, device, threads, limit, overwrite, progress)
                    run, code = _run(unit, method, readers[method.image_size], plugins, settings, console)
                runs += [run] if run else []
                wrong += [code] if code else []
    if runs:
        from padbench.leaderboard import print_boards

        console.print()
        print_boards(runs, console)
        console.print("Pictures (query, rendering, anomaly map, ground truth):")
        for run in runs:
            console.print(f"  {run.path / 'pictures'}", soft_wrap=True)
    if wrong:
        raise SystemExit(max(wrong))


def _suite(
    file: Path | None, names: tuple[str, ...], dataset: str | None, overrides: tuple[str, ...], label: str | None
) -> Suite:
    """The suite of the file, or what the options say."""
    from padbench.suite import Run, Suite, read_suite

    if file is not None:
        given = {"--method": names, "--dataset": dataset, "--set or --image-size": overrides, "--label": label}
        for option, value in given.items():
            if value:
                raise UserError(f"--suite {file} already says which methods run on which data set: leave {option} out")
        return read_suite(file)
    if not names or not dataset:
        raise click.UsageError("name --method and --dataset, or a --suite.")
    names = tuple(dict.fromkeys(names))
    if label is not None and len(names) > 1:
        raise UserError(f"--label {label!r} can name one method only, not {', '.join(names)}")
    return Suite(dataset, (0,), tuple(Run(name, None, overrides, label) for name in names))


def _require_dataset(plugins: Plugins, suite: Suite) -> None:
    try:
        plugins.find("dataset", suite.dataset)
    except UserError as error:
        raise UserError(f"suite {suite.path}: {error}" if suite.path else str(error)) from error


def _readers(plugins: Plugins, dataset: str, data: Path | None, sizes: set[int | None]) -> dict[int | None, Dataset]:
    """A reader for each image size; a person at a terminal is offered to download a data set that is absent."""
    from padbench.cli.download import offer_download
    from padbench.datasets import open_dataset

    try:
        return {size: open_dataset(plugins, dataset, data, size) for size in sizes}
    except MissingData:
        if not offer_download(plugins, dataset, data):
            raise
        return {size: open_dataset(plugins, dataset, data, size) for size in sizes}


def _listed(methods: Sequence[Method]) -> str:
    """The labels of methods with their profiles, once where all share one."""
    profiles = {method.profile for method in methods}
    if len(profiles) == 1:
        return f"{', '.join(method.label for method in methods)} (profile {profiles.pop()})"
    return ", ".join(f"{method.label} (profile {method.profile})" for method in methods)


def _run(
    unit: Unit, method: Method, reader: Dataset, plugins: Plugins, settings: Settings, console: Console
) -> tuple[RunFolder | None, int]:
    """Run and evaluate one unit, print its line; returns the run and 0, 1 (failed) or 2 (bad input)."""
    from padbench.evaluate import evaluate, write_pictures
    from padbench.runner import run_unit

    start = time.perf_counter()
    try:
        run = run_unit(unit, method, reader, plugins, settings)
        metrics = _stored_metrics(run)
        if metrics is None:
            write_pictures(run)
            metrics = evaluate(run)
    except KeyboardInterrupt:
        console.print(f"{unit}: stopped; the same command resumes it")
        raise
    except UserError as error:
        click.echo(f"error: {unit}: {error}", err=True)
        return None, 2
    except Exception:
        click.echo(f"{unit} failed:\n{traceback.format_exc()}", err=True)
        return None, 1
    accuracy = ", ".join(
        f"{label} {100 * metrics[key]:.1f}"
        for key, label in (("image_auroc", "image AUROC"), ("pixel_auroc", "pixel AUROC"), ("pixel_ap", "pixel AP"))
        if key in metrics
    )
    console.print(f"{unit}: {time.perf_counter() - start:.0f} s  {accuracy or 'no accuracy defined'}")
    if failed := metrics["failed_queries"]:
        click.echo(f"{unit}: {failed} of {metrics['queries']} queries failed, see {run.path / 'errors.log'}", err=True)
        return run, 1
    return run, 0


def _stored_metrics(run: RunFolder) -> dict[str, Any] | None:
    """The metrics of a unit that was drawn and evaluated after its last prediction; None where that is to be done."""
    from padbench.metrics.unit import SCHEMA

    file = run.path / "metrics.json"
    try:
        if file.stat().st_mtime_ns < (run.path / "unit.json").stat().st_mtime_ns:
            return None
        metrics: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return metrics if metrics.get("schema") == SCHEMA else None


def profile_by_default(device: str) -> str:
    """The profile of a run that names none."""
    return "paper" if device == "cuda" else "lite"


def choose_machine(device: str, threads: int | None) -> tuple[str, int]:
    """The device that "auto" stands for, and torch's threads, set to `threads` where they are given.

    Raises UserError for "cuda" where there is none.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is available here; use --device cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    return device, torch.get_num_threads()


def _tasks(reader: Dataset, dataset: str, classes: str | None) -> list[str]:
    known = list(reader.classes())
    if classes is None:
        return known
    chosen = [name.strip() for name in classes.split(",") if name.strip()]
    for name in chosen:
        if name not in known:
            raise UserError(f"data set {dataset!r} has no class {name!r}: {nearest(name, known)}")
    if not chosen:
        raise UserError(f"--classes {classes!r} names no class: {nearest('', known)}")
    return list(dict.fromkeys(chosen))
