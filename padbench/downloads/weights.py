"""Fetch a weight file and vouch for it: by its publisher's sha256, else by what was recorded of the first download."""

from __future__ import annotations

from pathlib import Path

from padbench.downloads.providers import NoFacts, announced_facts
from padbench.downloads.sources import spoken_size
from padbench.downloads.transfer import TOLERANCE, Patience, Report, fetch
from padbench.errors import UserError
from padbench.weights import WeightFile, expected_path, read, record, reference, sha256


def download_weight(weight: WeightFile, report: Report | None = None, patience: Patience | None = None) -> Path:
    """Fetch the file into the weights folder, unless it is there, and return its path.

    It gets its name once its size and sha256 are right and it can be loaded. A file without a reference has its sha256
    recorded; one that was put there by hand is compared with what its publisher says of it before. Raises UserError
    where the file cannot be had or is another.
    """
    if not weight.downloaded:
        where = f"comes with the package {weight.package}" if weight.package else f"is at {weight.source}"
        raise UserError(f"the weights {weight.name} are not downloaded: the file {where}")
    path = expected_path(weight)
    known = reference(weight)
    if known is None and path.is_file():
        _require_published(path, weight, patience or Patience())
        _require_loadable(path, weight)
        record(weight, sha256(path))
        return path
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
        record(weight, sha256(path))
    return path


def _require_published(path: Path, weight: WeightFile, patience: Patience) -> None:
    """Raises UserError for a file that is not the publisher's, and where that cannot be told."""
    remedy = "remove it and run the same command again to fetch it"
    try:
        facts = announced_facts(weight.source, patience.connect)
    except NoFacts as error:
        raise UserError(
            f"{path} was put there by hand and cannot be compared with {weight.source} ({error}): run the same command "
            f"again later, or {remedy}"
        ) from error
    size = path.stat().st_size
    if facts.sha256 is not None and (found := sha256(path)) != facts.sha256:
        raise UserError(f"{path} has sha256 {found}, and its publisher's has {facts.sha256}: {remedy}")
    if facts.size is not None and size != facts.size:
        raise UserError(f"{path} has {size:,} bytes, and its publisher's has {facts.size:,}: {remedy}")
    if facts.size is None and (weight.size is None or abs(size - weight.size) > TOLERANCE * weight.size):
        raise UserError(
            f"{path} has {spoken_size(size)} where {spoken_size(weight.size)} are expected, and {weight.source} does "
            f"not say: {remedy}"
        )


def _require_loadable(file: Path, weight: WeightFile) -> None:
    read(file, weight)
