"""Which query images each shape of BrokenChairs has: built once from the folders, then read from a cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from padbench.atomic import write_atomically
from padbench.data_root import cache_root
from padbench.errors import UserError
from padbench_datasets.chair_names import parse_query
from padbench_datasets.files import natural_order, unreadable

_SCHEMA = 1


@dataclass(frozen=True)
class ChairIndex:
    """The query images by shape. stray: PNG files whose names say nothing.

    Both hold paths below `images/`, of the form folder/name.
    """

    images: Mapping[str, Sequence[str]]
    stray: Sequence[str]


def chair_index(root: Path) -> ChairIndex:
    """Index `<root>/images/*/*.png`; the listing of a folder is kept until its modification time changes.

    Raises UserError where a folder cannot be read.
    """
    cache = cache_root() / "indices" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"
    known = _read(cache)
    listings: dict[str, list[Any]] = {}
    try:
        with os.scandir(root / "images") as folders:
            for folder in folders:
                if folder.is_dir() and not folder.name.startswith("."):
                    modified = folder.stat().st_mtime_ns
                    listing = known.get(folder.name)
                    fresh = listing is not None and listing[0] == modified
                    listings[folder.name] = listing if fresh and listing else [modified, _pngs(folder.path)]
    except OSError as error:
        raise unreadable(Path(error.filename or root / "images"), error) from error
    if listings != known:
        _write(cache, listings)
    return _group(listings)


def _group(listings: Mapping[str, list[Any]]) -> ChairIndex:
    images: dict[str, list[str]] = {}
    stray: list[str] = []
    for folder in sorted(listings, key=lambda name: natural_order(Path(name))):
        for name in listings[folder][1]:
            query = parse_query(name.removesuffix(".png"))
            (stray if query is None else images.setdefault(query.shape, [])).append(f"{folder}/{name}")
    return ChairIndex(images, stray)


def _pngs(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.endswith(".png") and not entry.name.startswith("."))


def _read(cache: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}  # none yet, or not ours: the folders are what counts
    folders = content.get("folders") if isinstance(content, dict) and content.get("schema") == _SCHEMA else None
    return folders if isinstance(folders, dict) else {}


def _write(cache: Path, listings: dict[str, list[Any]]) -> None:
    # A home that cannot be written costs the next start a second.
    with contextlib.suppress(UserError):
        write_atomically(cache, json.dumps({"schema": _SCHEMA, "folders": listings}).encode())
