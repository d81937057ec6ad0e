"""padbench run: methods x classes x seeds on a data set, then evaluation and boards."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

from padbench.errors import UserError, nearest

if TYPE_CHECKING:
    from rich.console import Console

    from padbench.interfaces import Dataset
    from padbench.methods import Method
    from padbench.plugins import Plugins
    from padbench.runner import Settings
    from padbench.store import RunFolder, Unit


@click.command()
@click.option("--method", "methods", multiple=True, required=True, help="Method to run; may be repeated.")
@click.option("--dataset", required=True, help="Data set, see 'padbench list datasets'.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data set.")
@click.option("--classes", help="Comma-separated class folders; default: all.")
@click.option(
    "--profile", type=click.Choice(["paper", "lite"]), help="Default: paper where CUDA is available, else lite."
)
@click.option("--image-size", type=click.IntRange(min=16), help="Longer image side in px; default: the recipe's.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    multiple=True,
    default=(0,),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Predict only the first N queries of each class; never ranked."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a recipe key, such as pose.1.steps=100."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of the results."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--overwrite", is_flag=True, help="Discard what earlier runs of these units left.")
def command(
    methods: tuple[str, ...],
    dataset: str,
    data: Path | None,
    classes: str | None,
    profile: str | None,
    image_size: int | None,
    seeds: tuple[int, ...],
    limit: int | None,
    overrides: tuple[str, ...],
    out: Path,
    device: str,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Fit, predict and evaluate methods on a data set, and print the boards.

    A run that was stopped is resumed by the same command.

    Example: padbench run --method igspad --dataset bricks --set pose.1.steps=100
    """
    from rich.console import Console

    from padbench.interfaces import Runtime
    from padbench.methods import resolve_method
    from padbench.plugins import load_plugins
    from padbench.progress import ConsoleProgress, SilentProgress
    from padbench.runner import Settings
    from padbench.store import Unit
    from padbench.warmup import warm_up

    # Everything that can be wrong with the command is found before the first unit starts.
    plugins = load_plugins()
    factory = plugins.resolve("dataset", dataset)
    for name in methods:
        plugins.find("method", name)
    device, threads = _machine(device, threads)
    profile = profile or ("paper" if device == "cuda" else "lite")
    resolved = [resolve_method(plugins, name, profile, overrides, image_size) for name in dict.fromkeys(methods)]
    readers: dict[str, Dataset] = {method.name: factory(data, image_size=method.image_size) for method in resolved}
    tasks = _tasks(readers[resolved[0].name], dataset, classes)
    runtime = Runtime(device, seeds[0], SilentProgress())
    for method in resolved:
        for component in method.components():
            component.build(runtime)
        for task in tasks:
            readers[method.name].task(task)

    console = Console()
    if not console.is_terminal:
        console.width = 160  # a file or a pipe: the boards need not be split
    console.print(
        f"{', '.join(methods)} (profile {profile}) on {dataset}: {', '.join(tasks)}; "
        f"{device}, {threads} thread{'s' if threads > 1 else ''}; results in {out}",
        highlight=False,
    )
    packages = {package for method in resolved for package in method.packages()}
    for origin, seconds in warm_up(plugins, device, packages):
        if seconds > 3:
            console.print(f"compiled the kernels of {origin.plugin} in {seconds:.0f} s, once", highlight=False)
    runs: list[RunFolder] = []
    wrong: list[int] = []
    for method in resolved:
        for task in tasks:
            for seed in dict.fromkeys(seeds):
                unit = Unit(dataset, method.name, method.profile, task, seed)
                with ConsoleProgress(console) as progress:
                    settings = Settings(out, device, threads, limit, overwrite, progress)
                    run, code = _run(unit, method, readers[method.name], plugins, settings, console)
                runs += [run] if run else []
                wrong += [code] if code else []
    if runs:
        from padbench.leaderboard import print_boards

        console.print()
        print_boards(runs, console)
        console.print("Pictures (query, rendering, anomaly map, ground truth):", highlight=False)
        for run in runs:
            console.print(f"  {run.path / 'pictures'}", highlight=False, soft_wrap=True)
    if wrong:
        raise SystemExit(max(wrong))


def _run(
    unit: Unit, method: Method, reader: Dataset, plugins: Plugins, settings: Settings, console: Console
) -> tuple[RunFolder | None, int]:
    """Run and evaluate one unit, print its line; returns the run and 0, 1 (failed) or 2 (bad input)."""
    from padbench.evaluate import evaluate, write_pictures
    from padbench.runner import run_unit

    start = time.perf_counter()
    try:
        run = run_unit(unit, method, reader, plugins, settings)
        metrics = evaluate(run)
        write_pictures(run)
    except KeyboardInterrupt:
        console.print(f"{unit}: stopped; the same command resumes it", highlight=False)
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
    console.print(f"{unit}: {time.perf_counter() - start:.0f} s  {accuracy or 'no accuracy defined'}", highlight=False)
    if failed := metrics["failed_queries"]:
        click.echo(f"{unit}: {failed} of {metrics['queries']} queries failed, see {run.path / 'errors.log'}", err=True)
        return run, 1
    return run, 0


def _machine(device: str, threads: int | None) -> tuple[str, int]:
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
