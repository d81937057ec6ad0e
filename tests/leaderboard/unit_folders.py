"""Folders of evaluated units with chosen metrics, as `padbench run` and `padbench evaluate` leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from padbench.atomic import write_json_atomically
from padbench.store import RunFolder, Unit

CLASSES = ("01Duck", "02Truck", "03Cat")
HARDWARE = {"device": "cpu", "device_name": "Test CPU", "cpu": "Test CPU", "cores": 2, "threads": 2, "memory_bytes": 8}


def write_unit(
    out: Path,
    task: str,
    method: str = "alpha",
    *,
    seed: int = 0,
    profile: str = "lite",
    protocol: str = "native",
    dataset: str = "bricks",
    classes: tuple[str, ...] = CLASSES,
    recipe: str = "recipe-1",
    data: str | None = None,
    hardware: dict[str, Any] | None = None,
    status: str = "done",
    partial: bool = False,
    image_auroc: float = 0.9,
    coarse: float = 1.0,
    refine: float = 3.0,
    metrics: dict[str, Any] | None = None,
    evaluated: bool = True,
) -> RunFolder:
    """Write unit.json and metrics.json; `metrics` replaces or adds entries of metrics.json."""
    unit = Unit(dataset, method, profile, task, seed)
    folder = unit.folder(out)
    folder.mkdir(parents=True)
    write_json_atomically(
        folder / "unit.json",
        {
            "schema": 1,
            "status": status,
            "unit": vars(unit),
            "protocol": protocol,
            "limit": 5 if partial else None,
            "queries": 30,
            "dataset": {"name": dataset, "root": "x", "image_size": 256, "classes": list(classes), "hash": ""},
            "hashes": {"recipe": recipe, "data": data or f"data of {task}", "code": "code-1"},
            "hardware": hardware or HARDWARE,
            "seconds": {},
            "peak_memory_bytes": {"host": 2**30, "device": None},
            "error": "ValueError: broken" if status == "failed" else None,
        },
    )
    stages = {"coarse": coarse, "refine": refine, "total": coarse + refine}
    content = {
        "schema": 1,
        "dataset": dataset,
        "task": task,
        "method": method,
        "profile": profile,
        "protocol": protocol,
        "queries": 5 if partial else 30,
        "failed_queries": 0,
        "partial": partial,
        "image_auroc": image_auroc,
        "pixel_auroc": 0.99,
        "seconds": {
            "fit.representation": 60.0,
            "fit.detector": 2.0,
            "query": {name: {"mean": value, "median": value, "p95": value, "n": 30} for name, value in stages.items()},
        },
    }
    if evaluated:
        write_json_atomically(folder / "metrics.json", content | (metrics or {}))
    return RunFolder(folder)
