"""The hardware and software of this machine, as far as a run depends on them."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from padbench.data_root import cache_root, data_root
from padbench.plugins import Plugins
from padbench.provenance import hardware, libraries

_GIB = 1 << 30
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def describe_machine(device: str, threads: int) -> dict[str, Any]:
    """Device, cores, threads, memory, free disk and versions.

    device: "cpu" or "cuda". Sizes are in bytes; load is the number of programs at work in the last minute, this one
    aside. What cannot be found out is None.
    """
    described = hardware(device, threads)
    limit = _memory_limit()
    if limit is not None:
        described["memory_bytes"] = min(limit, described["memory_bytes"])
    available = _available_memory()
    if available is not None:
        available = min(available, described["memory_bytes"])
    return {
        **described,
        "device_memory_bytes": described.get("device_memory_bytes"),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "available_memory_bytes": available,
        "free_disk_bytes": {"data": _free_disk(data_root()), "cache": _free_disk(cache_root())},
        "libraries": libraries(),
    }


def library_problems(plugins: Plugins) -> Iterator[str]:
    """One sentence for each package required by an installed plugin that is missing or cannot be imported."""
    modules: dict[str, list[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(_normalised(distribution), []).append(module)
    for required in sorted(_requirements(plugins)):
        try:
            metadata.version(required)
        except metadata.PackageNotFoundError:
            yield f"the package {required} is missing: pip install {required}"
            continue
        for module in modules.get(required, ()):
            if module.startswith("_"):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    importlib.import_module(module)
            except Exception as error:  # a missing shared library is an ImportError or an OSError
                reason = " ".join(str(error).split())[:200]
                yield f"the package {required} is installed but cannot be imported: {type(error).__name__}: {reason}"


def _requirements(plugins: Plugins) -> set[str]:
    """The packages that the distributions of the plugins need, those of extras and of other systems apart."""
    names: set[str] = set()
    for distribution in {origin.distribution for origin, _ in plugins.modules}:
        try:
            requirements = metadata.requires(distribution) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in requirements:
            specified, _, marker = requirement.partition(";")
            if not marker.strip() and (match := re.match(r"[A-Za-z0-9._-]+", specified.strip())):
                names.add(_normalised(match[0]))
    return names


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _available_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _memory_limit() -> int | None:
    """What a container may use, None where it is not limited."""
    try:
        return int(_CGROUP_LIMIT.read_text())
    except (OSError, ValueError):  # "max" is no number
        return None


def _free_disk(folder: Path) -> int | None:
    """Of the disk that the folder is on, or will be."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def gib(size: int | None) -> str:
    """A size for people."""
    return "unknown" if size is None else f"{size / _GIB:.1f} GiB"
