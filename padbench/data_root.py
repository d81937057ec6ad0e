"""Where padbench keeps files: data sets in `--data`, else `$PADBENCH_DATA`, else `data` of the cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder for whatever padbench keeps between runs: `$PADBENCH_HOME`, else `~/.cache/padbench`."""
    home = os.environ.get("PADBENCH_HOME")
    return Path(home).expanduser() if home else Path.home() / ".cache" / "padbench"


def data_root() -> Path:
    """The folder that holds a subfolder for each data set when `--data` names none."""
    configured = os.environ.get("PADBENCH_DATA")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "padbench" / "data"


def dataset_folder(name: str, given: Path | None) -> Path:
    """The folder a reader reads for the data set of that name; it need not exist.

    given: what `--data` names, either the data set's own folder or a data root with a subfolder `name`; None for the
    subfolder `name` of `data_root()`.
    """
    if given is None:
        return data_root() / name
    given = given.expanduser()
    try:
        nested = (given / name).is_dir()
    except PermissionError:
        nested = False  # the reader names what it may not read
    return given / name if nested else given
