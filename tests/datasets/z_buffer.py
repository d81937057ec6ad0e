"""What a camera sees of a mesh, triangle by triangle: slow, plain, and independent of the ray caster it checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from padbench.scene import Camera, Matrix

NOTHING = ""


def parts_seen(mesh: Path, camera: Camera, samples: int, without: str | None = None) -> NDArray[np.str_]:
    """The name of the part at each of samples x samples points of every pixel, (H, W, samples^2), NOTHING beside them.

    mesh: an .obj of named objects. without: an object that is left out.
    """
    height, width = camera.height * samples, camera.width * samples
    nearest = np.zeros((height, width))  # 1 / z
    seen = np.full((height, width), NOTHING, dtype="<U32")
    for name, triangle in _triangles(mesh):
        if name == without:
            continue
        local = triangle @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
        corners = (local[:, :2] / local[:, 2:] * camera.K[[0, 1], [0, 1]] + camera.K[:2, 2]) * samples - 0.5
        (left, top), (right, bottom) = np.ceil(corners.min(axis=0)), np.floor(corners.max(axis=0))
        columns = np.arange(max(0, int(left)), min(width - 1, int(right)) + 1)
        rows = np.arange(max(0, int(top)), min(height - 1, int(bottom)) + 1)
        if not len(columns) or not len(rows):
            continue
        shares = _barycentric(corners, columns[None, :], rows[:, None])
        if shares is None:
            continue
        inverse = (shares / local[:, 2]).sum(axis=2)
        window = np.ix_(rows, columns)
        closer = (shares >= 0).all(axis=2) & (inverse > nearest[window])
        nearest[window] = np.where(closer, inverse, nearest[window])
        seen[window] = np.where(closer, name, seen[window])
    by_pixel = seen.reshape(camera.height, samples, camera.width, samples).transpose(0, 2, 1, 3)
    return by_pixel.reshape(camera.height, camera.width, samples * samples)


def _barycentric(corners: Matrix, x: NDArray[np.int64], y: NDArray[np.int64]) -> Matrix | None:
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if abs(area) < 1e-12:
        return None
    second = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
    third = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
    return np.stack([1 - second - third, second, third], axis=2)


def _triangles(mesh: Path) -> list[tuple[str, Matrix]]:
    vertices: list[list[float]] = []
    triangles, name = [], NOTHING
    for line in mesh.read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind == "o":
            (name,) = values
        elif kind == "v":
            vertices.append([float(value) for value in values[:3]])
        elif kind == "f":
            corners = [int(value.split("/")[0]) - 1 for value in values]
            triangles.append((name, np.array([vertices[corner] for corner in corners])))
    return triangles
