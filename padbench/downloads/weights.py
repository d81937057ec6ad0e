"""Fetch a weight file and vouch for it: by its publisher's sha256, else by what was recorded of the first download."""

from __future__ import annotations

from pathlib import Path

from padbench.downloads.transfer import Patience, Report, fetch
from padbench.errors import UserError
from padbench.weights import WeightFile, expected_path, read, record, reference, sha256


def download_weight(weight: WeightFile, report: Report | None = None, patience: Patience | None = None) -> Path:
    """Fetch the file into the weights folder, unless it is there, and return its path.

    It gets its name once its size and sha256 are right and it can be loaded. A file without a reference, also one that
    was put there by hand, has its sha256 recorded. Raises UserError where the file cannot be had or is another.
    """
    if not weight.downloaded:
        where = f"comes with the package {weight.package}" if weight.package else f"is at {weight.source}"
        raise UserError(f"the weights {weight.name} are not downloaded: the file {where}")
    path = expected_path(weight)
    known = reference(weight)
    there = path.is_file()
    fetch(
        weight.source,
        path,
        size=weight.size,
        digest=known,
        verify=lambda file: _require_loadable(file, weight),
        report=report,
        patience=patience,
    )
    if known is None:
        if there:
            _require_loadable(path, weight)
        record(weight, sha256(path))
    return path


def _require_loadable(file: Path, weight: WeightFile) -> None:
    read(file, weight)
