"""padbench report: pages of one run."""

from __future__ import annotations

from pathlib import Path

import click

from padbench.errors import UserError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--html",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write the pages; by default the folder report in RUN.",
)
def command(run: Path, folder: Path | None) -> None:
    """Write the boards, recipe and gallery of the run, or all runs, below the folder RUN as pages to open in a browser.

    Example: padbench report runs/bricks/igspad
    """
    from rich.console import Console

    from padbench.leaderboard import build_boards
    from padbench.progress import ConsoleProgress
    from padbench.report.from_runs import write_site
    from padbench.store import find_runs

    found = find_runs([run])
    if not found:
        raise UserError(f"there is no run below {run}; give a folder that 'padbench run' wrote")
    target = folder or run / "report"
    datasets = ", ".join(sorted({item.unit.dataset for item in found}))
    title = str(found[0].unit) if len(found) == 1 else f"padbench report: {datasets}"
    with ConsoleProgress(Console(stderr=True)) as progress:
        warnings = write_site(found, build_boards(found), target, title, progress)
    for sentence in warnings:
        click.echo(f"warning: {sentence}", err=True)
    click.echo(str(target / "index.html"))
