"""The grey, texture-less views of one shape, with cameras and correspondences, in the layout of BrokenChairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from padbench.scene import Matrix
from padbench_datasets.chair_names import Orbit
from padbench_datasets.chairs.parts import Part, joined
from padbench_datasets.chairs.rendering import Caster, Lighting

TARGET = np.zeros(3)
"""What every camera looks at: the centre of a chair's bounding box."""

_ORBITS = tuple(Orbit(2, azimuth, 20) for azimuth in range(0, 360, 18))
_GREY = Lighting(np.array([0.35, 0.8, 0.49]), np.ones(3), shadows=False)
_SAMPLES = 2
_POINTS, _GRID = 1000, 32
# Scene units between a point and the surface that its pixel shows.
_VISIBLE = 0.01


def intrinsics(size: int) -> Matrix:
    """K of a square image of size x size px, (3, 3); the field of view is that of BrokenChairs."""
    return np.array([[355 / 256 * size, 0.0, size / 2], [0.0, 355 / 256 * size, size / 2], [0.0, 0.0, 1.0]])


def camera_parameters(camera_to_world: Matrix, size: int) -> dict[str, list[list[float]]]:
    """K, RT and RT_ (OpenGL axes) as the layout states them."""
    pose = {"RT": np.linalg.inv(camera_to_world).tolist(), "RT_": camera_to_world.tolist()}
    return {"K": intrinsics(size).tolist(), **pose}


def write_views(
    folder: Path, shape: str, parts: Sequence[Part], caster: Caster, generator: Generator, size: int
) -> None:
    """Write 20 views of size x size px into a new folder."""
    folder.mkdir()
    K = intrinsics(size)
    points = _sample(joined(parts), generator)
    for orbit in _ORBITS:
        pose = orbit.camera_to_world(TARGET)
        picture = caster.picture(pose, K, size, _SAMPLES, lambda kind, at: np.full((len(at), 3), 0.75), _GREY)
        path = folder / f"{shape}_{orbit.radius}_{orbit.azimuth}_{orbit.elevation}.png"
        Image.fromarray(picture.rgb).save(path)
        path.with_suffix(".json").write_text(json.dumps(camera_parameters(pose, size)))
        correspondences = np.array(_correspondences(points, pose, K, picture.depth), dtype=object)
        np.save(path.with_suffix(".npy"), correspondences, allow_pickle=True)


def _sample(surface: trimesh.Trimesh, generator: Generator) -> Matrix:
    """Points spread evenly over the surface, (P, 3)."""
    faces = generator.choice(len(surface.faces), _POINTS, p=surface.area_faces / surface.area_faces.sum())
    weights = generator.dirichlet(np.ones(3), _POINTS)
    return np.asarray(np.einsum("pi,pij->pj", weights, surface.triangles[faces]))


def _correspondences(points: Matrix, camera_to_world: Matrix, K: Matrix, depth: Matrix) -> dict[str, NDArray[Any]]:
    """Row and column of each point, whether it is seen, and the points that a coarse grid of pixels sees."""
    size = len(depth)
    local = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3] * [1, -1, -1]
    column, row = (local[:, :2] / local[:, 2:] * K[[0, 1], [0, 1]] + K[:2, 2]).T
    pixels = np.stack([row, column], axis=1).astype(np.int16)
    inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
    at = pixels.clip(0, size - 1)
    visible = inside & (np.abs(depth[at[:, 0], at[:, 1]] - local[:, 2]) < _VISIBLE)
    grid = (np.arange(_GRID) + 0.5) * size / _GRID
    rows, columns = np.meshgrid(grid.astype(int), grid.astype(int), indexing="ij")
    along = depth[rows, columns]
    seen = np.isfinite(along)
    z = np.where(seen, along, 0)
    x, y = (columns + 0.5 - K[0, 2]) / K[0, 0] * z, (rows + 0.5 - K[1, 2]) / K[1, 1] * z
    positions = np.stack([x, -y, -z], axis=-1) @ camera_to_world[:3, :3].T + camera_to_world[:3, 3]
    return {
        "pxy": pixels,
        "is_visible": visible,
        "xyz": np.where(seen[..., None], positions, -1).astype(np.float16),
    }
