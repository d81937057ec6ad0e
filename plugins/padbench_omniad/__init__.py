"""OmniposeAD (Zhou et al., NeurIPS 2023): pose by inverting a neural radiance field."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register nothing yet."""
