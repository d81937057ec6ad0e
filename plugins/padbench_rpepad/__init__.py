"""RPE-PAD: the relative pose to a retrieved view, regressed in one forward pass."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register nothing yet."""
