"""Open a data set by name, and say how to get one that is not there."""

from __future__ import annotations

from pathlib import Path

from padbench.downloads.sources import data_sources
from padbench.errors import MissingData
from padbench.interfaces import Dataset
from padbench.plugins import Plugins


def open_dataset(plugins: Plugins, name: str, data: Path | None, image_size: int | None = None) -> Dataset:
    """Construct the reader of a registered data set.

    data, image_size: see `padbench.interfaces.Dataset`. Raises MissingData, with the command that downloads it, where
    there is no data set, and UserError for an unknown name and a damaged one.
    """
    factory = plugins.resolve("dataset", name)
    try:
        dataset: Dataset = factory(data, image_size=image_size)
    except MissingData as missing:
        commands = [
            f"`padbench data download {source.name}`"
            for source in data_sources(plugins).values()
            if source.reader == name
        ]
        run = f"run {' or '.join(commands)}, or " if commands else ""
        raise MissingData(f"{missing}: {run}name its folder with --data") from missing
    return dataset
