"""Readers of data sets: MAD, and the embedded `bricks` in the same layout."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the data sets."""
    registry.dataset("mad", "padbench_datasets.mad:MadDataset")
    registry.dataset("bricks", "padbench_datasets.embedded:BricksDataset")
