"""padbench warmup: compile what components compile at first use."""

from __future__ import annotations

import click

from padbench.plugins import load_plugins


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
def command(device: str) -> None:
    """Compile the kernels once and cache them (in $NUMBA_CACHE_DIR where that is set).

    Example: padbench warmup
    """
    from padbench.warmup import warm_up

    for origin, seconds in warm_up(load_plugins(), device):
        click.echo(f"{origin.plugin}: kernels ready after {seconds:.1f} s")
