"""Meshes made thinner, so that their Gaussians are seen as wide as the mesh is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import ndtr

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# Relative to the extent of the mesh: corners nearer than this are one vertex, and rays start so far inside.
_SAME = 1e-6
# The vector area of a closed surface is zero.
_CLOSED = 1e-3
# Corners of a box move by sqrt(3) times as far as its faces; sharper ones by no more than this.
_FARTHEST = 2.0
_PARALLEL = 1e-2
_TINY = float(np.finfo(float).tiny)
_BISECTIONS = 40


def shrunk(
    triangles: Array,  # (F, 3, 3) scene units
    inset: Callable[[Array], Array],
) -> Array:
    """The same triangles with every closed surface moved inwards, (F, 3, 3) scene units.

    inset: how far, given half the thickness of the body below each face (both (F,), scene units; infinite where a
    surface is not closed, has no inside and stays where it is). Connected triangles are one body, oriented either way.
    """
    vertex, number = _vertices(triangles)
    body = _bodies(vertex, number)[vertex[:, 0]]
    area_vectors = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]) / 2
    areas = np.linalg.norm(area_vectors, axis=1)
    inside = _inside(triangles, body, area_vectors, areas)
    inwards = -inside[:, None] * area_vectors / np.maximum(areas, _TINY)[:, None]
    half = _thickness(triangles, body, inwards) / 2
    depths = np.where(inside != 0, inset(half), 0.0)
    return np.asarray(triangles + _moves(vertex, number, inwards, depths)[vertex])


def inset_of_blur(half: Array, blur: float, optical_depth: float) -> Array:
    """How much thinner a body must be for alpha to be 0.5 where it ends, at each of its sides, (F,).

    half: half the body's thickness. Seen from the side it is a strip of width 2 h whose `optical_depth` is blurred by a
    Gaussian of the standard deviation `blur` (all lengths in one unit): at the true edge w its depth is
    optical_depth (Phi((w + h) / blur) - Phi((w - h) / blur)), which is to be ln 2. Where even the whole body is too
    thin for that, it stays as thick as it is.
    """
    if blur <= 0:
        return np.zeros_like(half)
    wide = np.minimum(half / blur, 20.0)  # half-widths in units of the blur; beyond it the other edge is out of sight
    low, high = np.zeros_like(wide), wide.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        enough = optical_depth * (ndtr(wide + middle) - ndtr(wide - middle)) > np.log(2)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray((wide - high) * blur)


def _vertices(triangles: Array) -> tuple[Indices, int]:
    """The vertex of every corner, (F, 3), and how many there are."""
    corners = triangles.reshape(-1, 3)
    grid = np.rint((corners - corners.min(axis=0)) / max(_SAME * _extent(triangles), _TINY))
    distinct, vertex = np.unique(grid, axis=0, return_inverse=True)
    return vertex.reshape(-1, 3), len(distinct)


def _extent(triangles: Array) -> float:
    return float(np.ptp(triangles.reshape(-1, 3), axis=0).max())


def _bodies(vertex: Indices, number: int) -> Indices:
    """The body of every vertex, (V,)."""
    ends = vertex[:, [0, 1, 1, 2]].reshape(-1, 2)
    links = coo_matrix((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(number, number))
    labels: Indices = connected_components(links, directed=False)[1]
    return labels


def _inside(triangles: Array, body: Indices, area_vectors: Array, areas: Array) -> Array:
    """Of each face: 1 where its normal points out of its body, -1 where into it, 0 where this is not closed, (F,)."""

    def total(values: Array) -> Array:
        return np.bincount(body, values).astype(np.float64)

    middles = triangles.mean(axis=1)
    number = np.maximum(total(np.ones(len(triangles))), 1)
    centres = np.stack([total(middles[:, axis]) / number for axis in range(3)], axis=1)
    # Gauss: a third of the flux of the position through the surface.
    volume = total(np.einsum("fi,fi->f", middles - centres[body], area_vectors)) / 3
    area = np.maximum(total(areas), _TINY)
    open_by = np.linalg.norm([total(area_vectors[:, axis]) for axis in range(3)], axis=0) / area
    # Sheets that are closed by their own back have no volume.
    closed = (open_by < _CLOSED) & (np.abs(volume) > _SAME * area**1.5)
    return np.asarray(np.where(closed, np.sign(volume), 0.0)[body])


def _thickness(triangles: Array, body: Indices, inwards: Array) -> Array:
    """How far it is from each face straight through its body, (F,); infinite where nothing is opposite."""
    thickness = np.full(len(triangles), np.inf)
    lift = _SAME * _extent(triangles)
    order = np.argsort(body, kind="stable")
    for faces in np.split(order, np.flatnonzero(np.diff(body[order])) + 1):
        if not inwards[faces].any():
            continue
        corners = triangles[faces]
        mesh = trimesh.Trimesh(corners.reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3), process=False)
        origins = corners.mean(axis=1) + lift * inwards[faces]
        hit = mesh.ray.intersects_first(origins, inwards[faces])
        seen = hit >= 0
        across, start = inwards[faces][hit], corners[hit, 0] - origins
        slant = np.einsum("fi,fi->f", across, inwards[faces])
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.einsum("fi,fi->f", across, start) / slant
        thickness[faces[seen]] = np.abs(distance[seen]) + lift
    return np.where(np.isnan(thickness), np.inf, thickness)


def _moves(vertex: Indices, number: int, inwards: Array, depths: Array) -> Array:
    """The move of each vertex that takes the planes of its faces inwards by their depths, (V, 3): least squares."""
    corners = vertex.ravel()
    by_corner, depth = np.repeat(inwards, 3, axis=0), np.repeat(depths, 3)
    matrices = np.zeros((number, 3, 3))
    np.add.at(matrices, corners, by_corner[:, :, None] * by_corner[:, None, :])
    right = np.zeros((number, 3))
    np.add.at(right, corners, by_corner * depth[:, None])
    farthest = np.zeros(number)
    np.maximum.at(farthest, corners, _FARTHEST * depth)
    moves = np.einsum("vij,vj->vi", np.linalg.pinv(matrices, rcond=_PARALLEL, hermitian=True), right)
    length = np.linalg.norm(moves, axis=1)
    return np.asarray(moves * np.minimum(1, farthest / np.maximum(length, _TINY))[:, None])
