"""Shrinking: closed bodies lose what they should on every side, everything else stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from padbench_gaussians.mesh_shrinking import inset_of_blur, shrunk

Triangles = NDArray[np.float64]


def by(depth: float) -> Callable[[Triangles], Triangles]:
    """The same inset everywhere."""
    return lambda half: np.full_like(half, depth)


def triangles_of(mesh: trimesh.Trimesh) -> Triangles:
    return np.asarray(mesh.triangles, dtype=np.float64)


def test_a_box_becomes_a_smaller_box() -> None:
    before = triangles_of(trimesh.creation.box((1.0, 2.0, 0.5)))
    shift = np.array([3, -2, 1])
    after = shrunk(before + shift, by(0.03)) - shift
    np.testing.assert_allclose(after, before - 0.03 * np.sign(before), atol=1e-9)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_ball_becomes_a_smaller_ball_whichever_way_its_faces_are_oriented(flipped: bool) -> None:
    before = triangles_of(trimesh.creation.icosphere(subdivisions=4, radius=0.5))
    if flipped:
        before = before[:, ::-1]
    radii = np.linalg.norm(shrunk(before, by(0.05)), axis=2)
    np.testing.assert_allclose(radii, 0.45, atol=5e-4)


def test_bodies_shrink_each_by_itself() -> None:
    first, second = trimesh.creation.box((1.0, 1.0, 1.0)), trimesh.creation.box((0.4, 0.4, 0.4))
    second.invert()
    second.apply_translation([0.3, 0, 0])  # they overlap
    together = shrunk(np.concatenate([triangles_of(first), triangles_of(second)]), by(0.02))
    alone = np.concatenate([shrunk(triangles_of(first), by(0.02)), shrunk(triangles_of(second), by(0.02))])
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_open_surfaces_and_sheets_with_two_sides_stay() -> None:
    lidless = triangles_of(trimesh.creation.box((1.0, 1.0, 1.0)))[2:]
    np.testing.assert_array_equal(shrunk(lidless, by(0.05)), lidless)
    sheet = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    both_sides = np.concatenate([sheet, sheet[:, ::-1]])
    np.testing.assert_array_equal(shrunk(both_sides, by(0.05)), both_sides)


def test_the_inset_is_told_half_the_thickness_below_each_face() -> None:
    plate = triangles_of(trimesh.creation.box((1.0, 0.6, 0.02)))
    rod = triangles_of(trimesh.creation.cylinder(0.05, 1.0, sections=64)) + np.array([3, 0, 0])
    told: list[Triangles] = []

    def remembered(half: Triangles) -> Triangles:
        told.append(half)
        return np.zeros_like(half)

    shrunk(np.concatenate([plate, rod[:, ::-1]]), remembered)
    extents = np.ptp(plate, axis=1)
    expected = np.where(extents[:, 2] == 0, 0.01, np.where(extents[:, 1] == 0, 0.3, 0.5))
    np.testing.assert_allclose(told[0][: len(plate)], expected, rtol=1e-4)
    sides = np.ptp(rod[:, :, 2], axis=1) > 0
    np.testing.assert_allclose(told[0][len(plate) :][sides], 0.05, rtol=0.01)
    np.testing.assert_allclose(told[0][len(plate) :][~sides], 0.5, rtol=1e-4)


@pytest.mark.parametrize("half", [0.02, 0.2, 0.6, 1.0, 2.0, 5.0])
def test_the_blurred_strip_is_half_transparent_where_the_body_ends(half: float) -> None:
    blur, depth = 0.7, 5.3
    inset = float(inset_of_blur(np.array([half]), blur, depth)[0])
    positions = np.linspace(-half + inset, half - inset, 20_001)
    kernel = np.exp(-0.5 * ((half - positions) / blur) ** 2) / np.sqrt(2 * np.pi) / blur
    alpha = 1 - np.exp(-depth * np.trapezoid(kernel, positions))
    if inset > 0:
        assert alpha == pytest.approx(0.5, abs=1e-4)
    else:
        assert half < 0.2 and alpha < 0.5  # too thin to be as dark as that at all


def test_without_blur_nothing_is_inset() -> None:
    np.testing.assert_array_equal(inset_of_blur(np.array([0.1, np.inf]), 0.0, 5.3), 0)
    assert np.isfinite(inset_of_blur(np.array([np.inf]), 0.5, 5.3)).all()


def test_nothing_to_shrink_is_no_fault() -> None:
    point = np.zeros((1, 3, 3))
    np.testing.assert_array_equal(shrunk(point, by(0.1)), point)
