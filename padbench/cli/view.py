"""padbench view: a run in space."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from padbench.errors import UserError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--3d", "in_3d", is_flag=True, help="Serve the Gaussians and the cameras to a browser, until Ctrl-C.")
@click.option("--scene", help="Where the unit has several scenes: which one. Default: the first.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Where to serve; the next free one where it is taken.",
)
def command(run: Path, in_3d: bool, scene: str | None, port: int) -> None:
    """Show the fitted Gaussians of the unit in folder RUN, and the cameras of its queries: coarse, estimated, true.

    Example: padbench view runs/bricks/igspad/lite/01Duck/seed0 --3d
    """
    if not in_3d:
        raise UserError("add --3d for Gaussians and cameras; the page of a run with its pictures: padbench report RUN")
    from rich.console import Console

    from padbench.progress import ConsoleProgress
    from padbench.report.posed_queries import read_posed_scene
    from padbench.report.scene_viewer import SceneViewer
    from padbench.store import RunFolder

    with ConsoleProgress(Console(stderr=True)) as progress:
        posed = read_posed_scene(RunFolder(run), progress, scene)
    if posed.unshown is not None:
        click.echo(posed.unshown, err=True)
    viewer = SceneViewer(posed, port)
    try:
        click.echo(f"{viewer.address} shows {posed.name} with {len(posed.queries)} queries; Ctrl-C ends it")
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("")
    finally:
        viewer.stop()
