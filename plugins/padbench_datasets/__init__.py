"""Readers of data sets: MAD and RAD, and the embedded `bricks` in MAD's layout."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the data sets."""
    registry.dataset("mad", "padbench_datasets.mad:MadDataset")
    registry.dataset("rad", "padbench_datasets.rad:RadDataset")
    registry.dataset("bricks", "padbench_datasets.embedded:BricksDataset")
