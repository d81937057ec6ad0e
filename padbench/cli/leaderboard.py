"""padbench leaderboard: boards of stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from padbench.errors import UserError, nearest

if TYPE_CHECKING:
    from padbench.leaderboard.board import Board
    from padbench.store import RunFolder

_DEFAULT = Path("runs")


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "md", "csv", "latex", "json"]),
    default="table",
    show_default=True,
    help="md and latex show what table shows; csv (a line per figure) and json hold everything in full precision.",
)
@click.option("--json", "output", flag_value="json", help="The same as --format json.")
@click.option("--published", is_flag=True, help="Add the papers' numbers, in sections of their own.")
@click.option("--attributes", is_flag=True, help="Add the objects' attributes against accuracy; reads the data set.")
@click.option("--dataset", help="Only the boards of this data set.")
@click.option(
    "--method", "methods", multiple=True, metavar="NAME", help="Only runs of this method or variant; repeatable."
)
@click.option("--profile", metavar="NAME", help="Only runs in this profile.")
@click.option("--protocol", metavar="NAME", help="Only runs scored by this protocol.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Only runs on this kind of device.")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the boards of complete runs with their provenance into DIR/<data set>, such as leaderboards/measured.",
    metavar="DIR",
)
@click.option(
    "--html",
    "pages",
    type=click.Path(path_type=Path),
    help="Write the boards, plots, method pages and galleries as a site that opens from the disk.",
    metavar="DIR",
)
def command(
    runs: tuple[Path, ...],
    output: str,
    published: bool,
    attributes: bool,
    dataset: str | None,
    methods: tuple[str, ...],
    profile: str | None,
    protocol: str | None,
    device: str | None,
    folder: Path | None,
    pages: Path | None,
) -> None:
    """Print accuracy, pose, timing and Pareto boards of all runs below the folders RUNS (default: runs).

    Only rows of one section are ranked: same data, profile and classes; same protocol for accuracy, same machine for
    times, both for accuracy against time.

    \b
    Example: padbench leaderboard runs --format md --published
             padbench leaderboard runs --method igspad --method splatpose --device cpu
             padbench leaderboard runs --html pages --published
             padbench leaderboard runs --write leaderboards/measured
    """
    from padbench.leaderboard import build_boards
    from padbench.leaderboard.published import published_datasets
    from padbench.leaderboard.selection import select
    from padbench.store import find_runs

    if not runs and published and not _DEFAULT.is_dir():
        found = []
    else:
        found = find_runs(runs or (_DEFAULT,))
        if not found:
            where = ", ".join(map(str, runs or (_DEFAULT,)))
            raise UserError(f"there is no run below {where}; give a folder that 'padbench run' wrote")
    if folder is not None and (methods or profile or protocol or device):
        raise UserError("--write writes all rows of a data set: leave --method, --profile, --protocol and --device out")
    if published and dataset is not None:
        known = {*published_datasets(), *(run.unit.dataset for run in found)}
        if dataset not in known:
            raise UserError(f"there are neither runs nor published numbers of {dataset!r}: {nearest(dataset, known)}")
    # Of a data set without runs, there may be published numbers.
    found = select(found, methods, None if published else dataset, profile, protocol, device)
    if folder is not None:
        if published or attributes or output != "table" or pages is not None:
            raise UserError(
                "--write writes measured figures in its own formats: leave --published, --attributes, --format and "
                "--html out"
            )
        from padbench.leaderboard.measured import write_measured

        for path in write_measured(found, folder):
            click.echo(str(path))
        return
    boards = build_boards(found, published, dataset)
    if attributes and pages is None:
        from padbench.leaderboard.attributes import attribute_data

        chosen = [run for run in found if dataset in (None, run.unit.dataset)]
        boards += [board for data in attribute_data(chosen) for board in data.boards]
    if pages is not None:
        if output != "table":
            raise UserError("--html writes pages: leave --format out")
        _write_pages([run for run in found if dataset in (None, run.unit.dataset)], boards, pages)
        return
    if output == "table":
        from rich.console import Console

        from padbench.leaderboard.formats.terminal import render as table

        console = Console()
        if not console.is_terminal:
            console.width = 200  # a file or a pipe: tables need not be split
        for board in boards:
            console.print(table(board, console.width))
        return
    if output == "md":
        from padbench.leaderboard.formats.markdown import render
    elif output == "csv":
        from padbench.leaderboard.formats.csv import render
    elif output == "latex":
        from padbench.leaderboard.formats.latex import render
    else:
        from padbench.leaderboard.formats.json import render
    click.echo(render(boards).rstrip("\n"))


def _write_pages(runs: list[RunFolder], boards: list[Board], folder: Path) -> None:
    from rich.console import Console

    from padbench.progress import ConsoleProgress
    from padbench.report.from_runs import write_site

    with ConsoleProgress(Console(stderr=True)) as progress:
        warnings = write_site(runs, boards, folder, "padbench leaderboards", progress)
    for sentence in warnings:
        click.echo(f"warning: {sentence}", err=True)
    click.echo(str(folder / "index.html"))
