"""Folders of evaluated units with chosen metrics, as `padbench run` and `padbench evaluate` leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

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
    deviations: tuple[str, ...] = (),
    variant_of: str | None = None,
    categories: dict[str, str] | None = None,
    root: Path | None = None,
) -> RunFolder:
    """Write recipe.yaml, unit.json and metrics.json; `metrics` replaces or adds entries of metrics.json.

    root: of the data set, which need not be there for boards.
    variant_of: the method of which `method` is the label of a variant, made by the override "pose.1.mps=false".
    """
    unit = Unit(dataset, method, profile, task, seed)
    folder = unit.folder(out)
    folder.mkdir(parents=True)
    variant = {"label": method, "set": ["pose.1.mps=false"]} if variant_of else None
    content = {"method": variant_of or method, "variant": variant, "profile": profile, "deviations": list(deviations)}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    write_json_atomically(
        folder / "unit.json",
        {
            "schema": 1,
            "status": status,
            "unit": vars(unit),
            "protocol": protocol,
            "limit": 5 if partial else None,
            "queries": 30,
            "dataset": {
                "name": dataset,
                "root": str(root or out.resolve() / "data"),
                "image_size": 256,
                "classes": list(classes),
                "categories": categories or {},
                "hash": "",
            },
            "hashes": {"recipe": recipe, "data": data or f"data of {task}", "code": "code-1"},
            "hardware": hardware or HARDWARE,
            "plugins": {"padbench_alpha": "alpha 1.0"},
            "libraries": {"python": "3.12.0", "torch": "2.9.0"},
            "weights": {"alpha.pth": "5af3"},
            "fit_seconds": {f"{task}/representation": 60.0, "detector": 2.0},
            "seconds": {"fit.representation": 60.0, "fit.detector": 2.0},
            "warmup_queries": 1,
            "sessions": 1,
            "started": "2026-01-01T00:00:00+00:00",
            "ended": "2026-01-01T00:10:00+00:00",
            "peak_memory_bytes": {"host": 2**30, "device": None},
            "error": "ValueError: broken" if status == "failed" else None,
        },
    )
    stages = {"coarse": coarse, "refine": refine, "total": coarse + refine}
    measured = {
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
        write_json_atomically(folder / "metrics.json", measured | (metrics or {}))
    return RunFolder(folder)
