"""A tiny data set in BrokenChairs' layout, for tests to read and to damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from padbench_datasets.chair_names import Orbit

SIZE = 64
TARGET = np.array([0.01, 0.05, -0.02])
SPLIT = {"train": ["11", "12"], "val": ["21"], "test": ["31"]}
BOX = [10, 20, 30, 8]
K = [[88.75, 0.0, 32.0], [0.0, 88.75, 32.0], [0.0, 0.0, 1.0]]


def write_chairs(root: Path) -> Path:
    """Write 4 shapes with 3 reference views and 4 query images each; returns the folder."""
    (root / "split.json").parent.mkdir(parents=True, exist_ok=True)
    (root / "split.json").write_text(json.dumps(SPLIT))
    for shape in (shape for shapes in SPLIT.values() for shape in shapes):
        _write_views(root / "shapes" / f"shape_{shape}" / "mv_images", shape)
        _write_queries(root, shape)
    return root


def _write_views(folder: Path, shape: str) -> None:
    folder.mkdir(parents=True)
    for azimuth in (0, 120, 240):
        path = folder / f"{shape}_2_{azimuth}_20.png"
        _grey(azimuth).save(path)
        pose = Orbit(2, azimuth, 20).camera_to_world(TARGET)
        camera = {"K": K, "RT_": pose.tolist(), "RT": np.linalg.inv(pose).tolist()}
        path.with_suffix(".json").write_text(json.dumps(camera))
        points = {
            "pxy": np.zeros((5, 2), np.int16),
            "is_visible": np.ones(5, bool),
            "xyz": np.full((4, 4, 3), -1, np.float16),
        }
        np.save(path.with_suffix(".npy"), np.array(points, dtype=object), allow_pickle=True)


def _write_queries(root: Path, shape: str) -> None:
    images, annotations = root / "images" / f"shape_{shape}", root / "annotations" / f"shape_{shape}"
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    for light, kind in enumerate(("normal", "normal", "anomaly_missing_slat_0", "anomaly_swapped_arm_r")):
        rest = f"{shape}_7_2.25_{30 * light}_-5_{light}_{kind}"
        _grey(50 + light).save(images / f"render_{rest}.png")
        if kind == "normal":
            continue
        pose = Orbit(2.25, 30 * light, -5).camera_to_world(TARGET)
        info = {"2d_bbox": BOX, "image_size": [SIZE, SIZE], "camera_parameters": {"RT_": pose.tolist()}}
        (annotations / f"info_{rest}.json").write_text(json.dumps(info))
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[20:28, 10:40] = 255
        Image.fromarray(mask).save(annotations / f"mask_{'old' if 'missing' in kind else 'new'}_{rest}.png")


def _grey(value: int) -> Image.Image:
    return Image.new("RGB", (SIZE, SIZE), (value, value, value))
