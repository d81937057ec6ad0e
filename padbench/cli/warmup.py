"""padbench warmup: compile what components compile at first use."""

from __future__ import annotations

import click

from padbench.plugins import load_plugins


@click.command()
def command() -> None:
    """Compile the CPU kernels once and cache them (in $NUMBA_CACHE_DIR where that is set).

    Example: padbench warmup
    """
    from padbench.warmup import warm_up

    for origin, seconds in warm_up(load_plugins()):
        click.echo(f"{origin.plugin}: kernels ready after {seconds:.1f} s")
