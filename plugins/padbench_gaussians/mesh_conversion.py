"""Flat Gaussians on the triangles of a mesh, without optimisation (mesh2splat, Scolari 2025; PTAD, section 3.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from padbench.errors import UserError
from padbench_gaussians.gaussians import SH_DEGREE_0, Gaussians

Array = NDArray[np.float64]
Triangles = NDArray[np.float64]
Indices = NDArray[np.intp]

_OPACITY = 0.99
_GREY = 0.75
_THINNESS = 0.05
# Points of the fine grid along a side of a cell.
_FINER = 4
# In steps of the fine grid: on a triangle that is seen as steeply as any, neighbours are sqrt(2) steps apart in depth.
_GAP = 3.0
# Twice the area of a triangle, relative to the squared extent of all.
_FLAT = 1e-12


def read_triangles(path: Path) -> Triangles:
    """The triangles of a mesh file, all its objects and groups together, (F, 3, 3) float64 scene units.

    Materials are not read. Raises UserError where the file is damaged or holds no triangle that has an area.
    """
    try:
        mesh = trimesh.load_mesh(path, process=False, skip_materials=True)
        triangles = np.asarray(mesh.triangles, dtype=np.float64)
    except Exception as error:  # every format's reader raises its own
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{path} cannot be read as a mesh ({reason}): restore it from the release") from error
    if triangles.shape[1:] != (3, 3):
        raise UserError(f"{path} has vertices without three coordinates: restore it from the release")
    if not np.isfinite(triangles).all():
        raise UserError(f"{path} has vertices that are not finite: restore it from the release")
    if not _proper(triangles).any():
        raise UserError(f"{path} holds no triangle that has an area: restore it from the release")
    return triangles


def mesh_gaussians(
    triangles: Triangles,  # (F, 3, 3) scene units
    spacing: float,
    scale: float,
) -> Gaussians:
    """One Gaussian for every cell of a regular grid that a triangle falls into, and for what of it the cell holds.

    Each triangle is projected along the axis that its normal is nearest to, onto a grid of cells of `spacing` scene
    units that all triangles of this axis share; triangles that meet in a cell are one piece of surface there. The
    Gaussian's standard deviations are `scale` times the sides of the piece (the singular values of the Jacobian for a
    whole cell; less where the surface ends within it, so that thin parts keep their width), and nearly nothing along
    the normal.
    """
    triangles = triangles[_proper(triangles)]
    normals = _area_vectors(triangles)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    axes = np.abs(normals).argmax(axis=1)
    step = spacing / _FINER
    parts = [_points(triangles, np.flatnonzero(axes == axis), axis, step) for axis in range(3)]
    face, grid, positions = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    piece = _pieces(grid, positions, axes[face], normals[face], step)
    means, covariances = _moments(positions, _jacobians(normals, axes)[face], piece, step)
    # A square has a variance of a twelfth of its squared side.
    variances, frames = np.linalg.eigh(12 * scale**2 * covariances)
    frames[:, :, 0] *= np.sign(np.linalg.det(frames))[:, None]
    sigmas = np.sqrt(np.maximum(variances, (_THINNESS * scale * spacing) ** 2))
    number = len(means)
    return Gaussians(
        means=_tensor(means),
        quats=_tensor(Rotation.from_matrix(frames).as_quat()[:, [3, 0, 1, 2]] if number else np.empty((0, 4))),
        log_scales=_tensor(np.log(sigmas)),
        opacity_logits=torch.full((number,), float(np.log(_OPACITY / (1 - _OPACITY)))),
        features_dc=torch.full((number, 3), (_GREY - 0.5) / SH_DEGREE_0),
    )


def _area_vectors(triangles: Triangles) -> Array:
    edges = triangles[:, 1:] - triangles[:, :1]
    return np.cross(edges[:, 0], edges[:, 1])


def _proper(triangles: Triangles) -> NDArray[np.bool_]:
    """Which triangles are no mere line or point, (F,)."""
    extent = float(np.ptp(triangles.reshape(-1, 3), axis=0).max()) if len(triangles) else 0.0
    return np.asarray(np.linalg.norm(_area_vectors(triangles), axis=1) > _FLAT * extent**2)


def _points(triangles: Triangles, faces: Indices, axis: int, step: float) -> tuple[Indices, NDArray[np.int64], Array]:
    """The points of a fine grid that fall on the faces, seen along one axis: face, place on the grid, position."""
    corners = triangles[faces]
    flat = np.delete(corners, axis, axis=2) / step - 0.5  # grid points are the integers
    low, high = np.ceil(flat.min(axis=1)).astype(np.int64), np.floor(flat.max(axis=1)).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    counts = extent.prod(axis=1)
    owner = np.repeat(np.arange(len(faces)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = extent[owner, 1]
    point = np.stack([low[owner, 0] + within // columns, low[owner, 1] + within % columns], axis=1)
    weights = _barycentric(flat[owner], point)
    inside = (weights >= 0).all(axis=1)
    positions = np.einsum("pi,pij->pj", weights[inside], corners[owner[inside]])
    return faces[owner[inside]], point[inside], positions


def _pieces(grid: NDArray[np.int64], positions: Array, axes: Indices, normals: Array, step: float) -> Indices:
    """The piece of surface that each point belongs to, (P,), numbered from 0.

    Points of one cell belong together where the surface faces the same way and no gap in depth divides them.
    """
    rows = np.arange(len(axes))
    side = 2 * axes + (normals[rows, axes] > 0)
    depth = positions[rows, axes]
    cell = np.column_stack([side, grid // _FINER])
    order = np.lexsort((depth, cell[:, 2], cell[:, 1], cell[:, 0]))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(cell[order], axis=0) != 0).any(axis=1) | (np.diff(depth[order]) > _GAP * step)
    piece = np.empty(len(order), np.intp)
    piece[order] = np.cumsum(first) - 1
    return piece


def _moments(positions: Array, jacobians: Array, piece: Indices, step: float) -> tuple[Array, Array]:
    """Mean (N, 3) and covariance (N, 3, 3) of each piece; a point stands for the square of the fine grid around it."""
    counts = np.bincount(piece)

    def mean(values: Array) -> Array:
        return np.bincount(piece, values) / counts

    means = np.stack([mean(positions[:, axis]) for axis in range(3)], axis=1)
    offsets = positions - means[piece]
    covariances = np.empty((len(counts), 3, 3))
    for i in range(3):
        for j in range(3):
            square = np.einsum("pk,pk->p", jacobians[:, i], jacobians[:, j]) * step**2 / 12
            covariances[:, i, j] = mean(offsets[:, i] * offsets[:, j] + square)
    return means, covariances


def _jacobians(normals: Array, axes: Indices) -> Array:
    """Of each face: its point by the point on the plane of projection, (F, 3, 2)."""
    planes = np.array([[1, 2], [0, 2], [0, 1]])[axes]
    rows = np.arange(len(axes))
    jacobians = np.zeros((len(axes), 3, 2))
    for column in range(2):
        jacobians[rows, planes[:, column], column] = 1
        jacobians[rows, axes, column] = -normals[rows, planes[:, column]] / normals[rows, axes]
    return jacobians


def _barycentric(corners: Array, point: NDArray[np.int64]) -> Array:  # (P, 3, 2), (P, 2)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = point - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    second = (offset[:, 0] * b[:, 1] - offset[:, 1] * b[:, 0]) / area
    third = (a[:, 0] * offset[:, 1] - a[:, 1] * offset[:, 0]) / area
    return np.stack([1 - second - third, second, third], axis=1)


def _tensor(values: Array) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
