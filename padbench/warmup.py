"""Compile what plugins compile at first use, so that no stage is timed while it compiles."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator

from padbench.plugins import Origin, Plugins


def warm_up(plugins: Plugins, device: str, packages: set[str] | None = None) -> Iterator[tuple[Origin, float]]:
    """Call the warm-up that each plugin package names as `padbench_warmup = "module:function"`.

    device: "cpu" or "cuda", what the function is called with. packages: only these import names; None for all. Yields
    each plugin that has one and the seconds it took.
    """
    for origin, module in plugins.modules:
        reference = getattr(module, "padbench_warmup", None)
        if reference is None or (packages is not None and module.__name__ not in packages):
            continue
        module_name, _, attribute = reference.partition(":")
        start = time.perf_counter()
        getattr(importlib.import_module(module_name), attribute)(device)
        yield origin, time.perf_counter() - start
