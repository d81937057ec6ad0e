"""Chairs seen by a camera: colour, part and depth of every pixel, by casting rays (Embree)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from padbench.scene import Matrix
from padbench_datasets.chairs.parts import Part, joined

NOTHING = -1

Paint = Callable[[str, Matrix], Matrix]
"""Colours, (N, 3) in [0, 1], of points, (N, 3), on parts of one kind."""

_Window = tuple[slice, slice]
"""Rows and columns of an image."""

# Off the surface, so that a shadow ray does not hit the triangle it starts on.
_LIFT = 1e-4
_AMBIENT = 0.55


@dataclass(frozen=True)
class Lighting:
    """A distant lamp. direction: (3,) unit, towards it. background: of the image, (3,) in [0, 1]."""

    direction: Matrix
    background: Matrix
    shadows: bool


@dataclass(frozen=True)
class Picture:
    """What a camera sees. part: index into the parts, NOTHING beside the chair."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    part: NDArray[np.int64]  # (H, W)
    depth: Matrix  # (H, W) along the optical axis, infinite beside the chair


class Caster:
    """Casts rays at the parts of one chair, which must be in front of every camera."""

    def __init__(self, parts: Sequence[Part]) -> None:
        kinds = [part.kind for part in parts]
        self._kinds = sorted(set(kinds))
        mesh = joined(parts)
        self._part_of = np.repeat(np.arange(len(parts)), [len(part.mesh.faces) for part in parts])
        self._kind_of = np.array([self._kinds.index(kind) for kind in kinds])[self._part_of]
        self._vertices, self._normals, self._corners = mesh.vertices, mesh.face_normals, mesh.triangles[:, 0]
        self._rays = trimesh.ray.ray_pyembree.RayMeshIntersector(mesh)

    def picture(
        self,
        camera_to_world: Matrix,  # (4, 4) OpenGL axes
        K: Matrix,  # (3, 3) pixels
        size: int,
        samples: int,
        paint: Paint,
        lighting: Lighting,
    ) -> Picture:
        """A square image of size x size px, every pixel the mean of samples x samples rays.

        The part of a pixel is what most of its rays hit; its depth is their mean where they hit the chair.
        """
        rgb = np.empty((size, size, 3), np.uint8)
        rgb[:] = _to_bytes(lighting.background)
        part = np.full((size, size), NOTHING)
        depth = np.full((size, size), np.inf)
        window = self._window(camera_to_world, K, size)
        directions, grid = _rays(camera_to_world, K, window, samples)
        origins = np.broadcast_to(camera_to_world[:3, 3], directions.shape)
        triangle = self._rays.intersects_first(origins, directions)
        hit = triangle >= 0
        faces, towards = triangle[hit], directions[hit]
        normals = self._normals[faces]
        facing = np.einsum("ij,ij->i", normals, towards)
        distance = np.einsum("ij,ij->i", normals, self._corners[faces] - camera_to_world[:3, 3]) / facing
        points = camera_to_world[:3, 3] + towards * distance[:, None]
        normals *= -np.sign(facing)[:, None]
        colours = np.tile(lighting.background, (len(directions), 1))
        colours[hit] = self._shaded(points, normals, self._kind_of[faces], paint, lighting)
        rgb[window] = _to_bytes(colours.reshape(*grid, 3).mean(axis=2))
        parts = np.full(len(directions), NOTHING)
        parts[hit] = self._part_of[faces]
        part[window] = _commonest(parts.reshape(grid))
        along = np.zeros(len(directions))
        along[hit] = distance * np.einsum("ij,j->i", towards, -camera_to_world[:3, 2])
        number = hit.reshape(grid).sum(axis=2)
        depth[window] = np.where(number > 0, along.reshape(grid).sum(axis=2) / np.maximum(number, 1), np.inf)
        return Picture(rgb, part, depth)

    def _window(self, camera_to_world: Matrix, K: Matrix, size: int) -> _Window:
        """The rows and columns that the chair can be seen in."""
        local = np.einsum("ij,jk->ik", self._vertices - camera_to_world[:3, 3], camera_to_world[:3, :3])
        at = local[:, :2] * [1, -1] / -local[:, 2:] * K[[0, 1], [0, 1]] + K[:2, 2]
        # A ray that grazes an edge may be rounded onto the chair.
        low, high = np.floor(at.min(axis=0)) - 1, np.ceil(at.max(axis=0)) + 1
        (left, top), (right, bottom) = low.clip(0, size).astype(int), high.clip(0, size).astype(int)
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def _shaded(
        self, points: Matrix, normals: Matrix, kinds: NDArray[np.int64], paint: Paint, lighting: Lighting
    ) -> Matrix:
        colours = np.empty_like(points)
        for index, kind in enumerate(self._kinds):
            if (of_kind := kinds == index).any():
                colours[of_kind] = paint(kind, points[of_kind])
        light = np.einsum("ij,j->i", normals, lighting.direction).clip(0, 1)
        if lighting.shadows:
            lit = np.flatnonzero(light > 0)
            towards = np.broadcast_to(lighting.direction, (len(lit), 3))
            blocked = self._rays.intersects_first(points[lit] + _LIFT * normals[lit], towards) >= 0
            light[lit[blocked]] = 0
        return np.asarray((colours * (_AMBIENT + (1 - _AMBIENT) * light)[:, None]).clip(0, 1))


def _rays(camera_to_world: Matrix, K: Matrix, window: _Window, samples: int) -> tuple[Matrix, tuple[int, int, int]]:
    """Unit directions of the rays of a window, (N, 3), and the grid they fill: rows, columns, rays a pixel."""
    rows, columns = (
        (np.arange(side.start, side.stop)[:, None] + (np.arange(samples) + 0.5) / samples) for side in window
    )
    grid = len(rows), len(columns), samples * samples
    y = np.broadcast_to(rows[:, None, :, None], (*grid[:2], samples, samples)).ravel()
    x = np.broadcast_to(columns[None, :, None, :], (*grid[:2], samples, samples)).ravel()
    x, y = (x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1]
    directions = np.einsum("ij,kj->ik", np.stack([x, -y, -np.ones_like(x)], axis=1), camera_to_world[:3, :3])
    return directions / np.sqrt((x * x + y * y + 1)[:, None]), grid


def _commonest(part: NDArray[np.int64]) -> NDArray[np.int64]:  # (H, W, rays)
    common = part[..., 0].copy()
    mixed = (part != part[..., :1]).any(axis=2)
    ordered = np.sort(part[mixed], axis=1)
    best = (ordered[:, :, None] == ordered[:, None, :]).sum(axis=2).argmax(axis=1)
    common[mixed] = ordered[np.arange(len(ordered)), best]
    return common


def _to_bytes(colours: Matrix) -> NDArray[np.uint8]:
    return np.rint(colours * 255).astype(np.uint8)
