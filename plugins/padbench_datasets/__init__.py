"""Readers of data sets: MAD, RAD and BrokenChairs, the embedded `bricks`, and `chairs`, which are made."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_downloads = "padbench_datasets.downloads:DOWNLOADS"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the data sets."""
    registry.dataset("mad", "padbench_datasets.mad:MadDataset")
    registry.dataset("mad-real", "padbench_datasets.mad:MadRealDataset")
    registry.dataset("rad", "padbench_datasets.rad:RadDataset")
    registry.dataset("brokenchairs", "padbench_datasets.brokenchairs:BrokenChairsDataset")
    registry.dataset("bricks", "padbench_datasets.embedded:BricksDataset")
    registry.dataset("chairs", "padbench_datasets.embedded:ChairsDataset")
