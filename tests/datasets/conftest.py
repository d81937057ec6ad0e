"""Tiny classes in the layouts of MAD and RAD: four views and five test images of 24x20 px."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WIDTH, HEIGHT = 24, 20
TESTS = {"good": 2, "Burrs": 2, "Stains": 1}


def look_at_origin(azimuth: float) -> list[list[float]]:
    """Camera-to-world with OpenGL axes, 3 units from the origin in the plane z = 0, z up."""
    back = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, [0.0, 0.0, 1.0], back], axis=1)
    pose[:3, 3] = 3 * back
    return [[float(value) for value in row] for row in pose]


def write_class(folder: Path, tests: Mapping[str, int] = TESTS) -> Path:
    """Write an intact class of MAD and return its folder."""
    generator = np.random.default_rng(0)

    def write(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    frames = []
    for index in range(4):
        write(folder / f"train/good/{index}.png", generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        frames.append({"file_path": f"train/good/{index}.png", "transform_matrix": look_at_origin(index)})
    poses = {}
    for kind, count in tests.items():
        for index in range(count):
            pixels = generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            write(folder / f"test/{kind}/{index}.png", pixels)
            poses[f"{kind}/{index}.png"] = {"transform_matrix": look_at_origin(index + 0.5)}
            if kind != "good":
                mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
                mask[index : index + 3, 4:9] = 255
                write(folder / f"ground_truth/{kind}/{index}_mask.png", mask)
    (folder / "transforms.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    (folder / "test_poses.json").write_text(json.dumps({"frames": poses}))
    return folder


def write_colmap_class(folder: Path) -> Path:
    """Write an intact class of RAD, whose camera is given as COLMAP's export gives it, and return its folder."""
    write_class(folder, {"good": 2, "scratched": 2, "stained": 1})
    path = folder / "transforms.json"
    content = json.loads(path.read_text())
    del content["camera_angle_x"]
    content |= {"camera_model": "OPENCV", "fl_x": 30.0, "fl_y": 31.0, "cx": 11.5, "cy": 10.5, "w": WIDTH, "h": HEIGHT}
    path.write_text(json.dumps(content | {"k1": 0.0, "k2": 0.0, "p1": 0.0, "p2": 0.0}))
    return folder


@pytest.fixture
def write_mad_class() -> Callable[[Path], Path]:
    return write_class


@pytest.fixture
def mad_class(tmp_path: Path) -> Path:
    """The folder of an intact class `01Brick`; its parent is the data set."""
    return write_class(tmp_path / "set" / "01Brick")


@pytest.fixture
def write_rad_class() -> Callable[[Path], Path]:
    return write_colmap_class


@pytest.fixture
def rad_class(tmp_path: Path) -> Path:
    """The folder of an intact class `teacup`; its parent is the data set."""
    return write_colmap_class(tmp_path / "set" / "teacup")
