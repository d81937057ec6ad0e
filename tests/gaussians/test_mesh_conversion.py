"""One Gaussian for every cell of a grid that a triangle falls into: where and of the shape that the projection says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from padbench_gaussians.mesh_conversion import mesh_gaussians

SPACING, SCALE = 0.02, 0.65
# A slope along x and one along y, so that the dominant axis is z: z = 0.5 x - 0.3 y.
SLOPE = np.array([0.5, -0.3])
CORNERS = np.array([[0.013, 0.027], [0.91, 0.11], [0.3, 0.83]])


def on_slope(flat: np.ndarray) -> np.ndarray:
    return np.column_stack([flat, flat @ SLOPE])


def area_of(corners: np.ndarray) -> float:
    """Of the triangle's projection."""
    return 0.5 * float(abs(np.linalg.det(np.column_stack([corners[1] - corners[0], corners[2] - corners[0]]))))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_cell_of_the_projection_has_one_gaussian_on_the_triangle(axis: int) -> None:
    turned = np.roll(on_slope(CORNERS), axis + 1, axis=1)  # the dominant axis becomes `axis`
    gaussians = mesh_gaussians(turned[None], SPACING, SCALE)
    points = np.roll(gaussians.means.double().numpy(), -axis - 1, axis=1)
    np.testing.assert_allclose(points[:, 2], points[:, :2] @ SLOPE, atol=1e-6)
    cells = np.floor(points[:, :2] / SPACING)
    assert len(np.unique(cells, axis=0)) == len(gaussians)
    # As many as whole cells would be, and those on the three sides.
    assert area_of(CORNERS) / SPACING**2 < len(gaussians) < 1.15 * area_of(CORNERS) / SPACING**2


@pytest.mark.parametrize("corners", [CORNERS, CORNERS * [1, 0.02]], ids=["wide", "thinner than a cell"])
def test_together_they_cover_as_much_as_the_triangle(corners: np.ndarray) -> None:
    """Of a square of side a the standard deviations are scale * a; a triangle's are larger for its area, by 15 %."""
    gaussians = mesh_gaussians(on_slope(corners)[None], SPACING, SCALE)
    sigmas = gaussians.scales.double().sort(dim=1, descending=True).values[:, :2]
    covered = float((sigmas[:, 0] * sigmas[:, 1]).sum()) / SCALE**2
    area = area_of(corners) * np.sqrt(1 + SLOPE @ SLOPE)
    assert covered == pytest.approx(area, rel=0.2)


def test_covariances_are_those_of_a_round_spot_on_the_plane_of_projection() -> None:
    gaussians = mesh_gaussians(on_slope(CORNERS)[None], SPACING, SCALE)
    points = gaussians.means.double().numpy()
    jacobian = np.vstack([np.eye(2), SLOPE])  # of (x, y) -> (x, y, z)
    normal = np.append(-SLOPE, 1) / np.linalg.norm(np.append(-SLOPE, 1))
    corners = np.floor(points[:, :2] / SPACING)[:, None] * SPACING + SPACING * np.array(
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    )
    whole = np.flatnonzero(_within(corners, CORNERS).all(axis=1))
    assert len(whole) > 300
    for index in whole[::50]:
        axes = Rotation.from_quat(gaussians.quats[index, [1, 2, 3, 0]].double().numpy()).as_matrix()
        scales = gaussians.scales[index].double().numpy()
        covariance = axes @ np.diag(scales**2) @ axes.T
        thin = normal @ covariance @ normal
        expected = (SCALE * SPACING) ** 2 * jacobian @ jacobian.T + thin * np.outer(normal, normal)
        np.testing.assert_allclose(covariance, expected, rtol=1e-4, atol=1e-4 * SPACING**2)
        assert 0 < thin**0.5 < 0.1 * SCALE * SPACING


def test_layers_that_a_cell_sees_behind_each_other_stay_apart() -> None:
    layers = [on_slope(CORNERS) + np.array([0, 0, height]) for height in (0.0, 0.05, 0.4)]
    gaussians = mesh_gaussians(np.array(layers), SPACING, SCALE)
    heights = gaussians.means.double().numpy() @ np.append(-SLOPE, 1)
    counts = [int((np.abs(heights - height) < 1e-5).sum()) for height in (0.0, 0.05, 0.4)]
    assert counts == [len(gaussians) / 3] * 3


def test_triangles_share_the_grid_and_flat_ones_give_nothing() -> None:
    """Cutting a triangle in two changes nothing: what meets in a cell is one piece of surface."""
    whole = on_slope(CORNERS)
    middle = (whole[1] + whole[2]) / 2
    halves = np.array([[whole[0], whole[1], middle], [whole[0], middle, whole[2]], [whole[0], middle, middle]])
    found, expected = mesh_gaussians(halves, SPACING, SCALE), mesh_gaussians(whole[None], SPACING, SCALE)
    torch.testing.assert_close(found.means, expected.means, rtol=0, atol=0.02 * SPACING)
    torch.testing.assert_close(found.scales, expected.scales, rtol=0, atol=0.05 * SPACING)


def _within(points: np.ndarray, triangle: np.ndarray) -> np.ndarray:  # (N, M, 2), (3, 2) -> (N, M)
    sides = [
        np.linalg.det(np.stack(np.broadcast_arrays(triangle[(k + 1) % 3] - triangle[k], points - triangle[k]), axis=-1))
        for k in range(3)
    ]
    return np.asarray((np.sign(sides) == np.sign(sides[0])).all(axis=0))
