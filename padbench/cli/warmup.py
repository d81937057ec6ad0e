"""padbench warmup: compile what components compile at first use."""

from __future__ import annotations

import time

import click

from padbench.plugins import load_plugins


@click.command()
def command() -> None:
    """Compile the CPU kernels once and cache them (in $NUMBA_CACHE_DIR where that is set).

    Example: padbench warmup
    """
    import importlib

    for origin, module in load_plugins().modules:
        reference = getattr(module, "padbench_warmup", None)
        if reference is None:
            continue
        module_name, _, attribute = reference.partition(":")
        start = time.perf_counter()
        getattr(importlib.import_module(module_name), attribute)()
        click.echo(f"{origin.plugin}: kernels ready after {time.perf_counter() - start:.1f} s")
