"""Initial points lie where the cameras look, wherever that is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import kstest, uniform

from padbench.scene import Camera, Cameras, Matrix
from padbench_gaussians.camera_rig import focus
from padbench_gaussians.initialisation import (
    covered_edges,
    initial_gaussians,
    points_behind,
    random_points,
)


def look_at(position: Matrix, target: Matrix, width: int = 64, height: int = 48, focal: float = 80.0) -> Camera:
    forward = target - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.1, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = rotation, -rotation @ position
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(K, motion, width, height)


def on_a_sphere(middle: Matrix, distance: float, count: int = 24) -> list[Camera]:
    directions = np.random.default_rng(0).normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return [look_at(middle + distance * d, middle) for d in directions]


def seen_by(cameras: list[Camera], points: Matrix) -> NDArray[np.int64]:
    seen = np.zeros(len(points), int)
    for camera in cameras:
        x, y, z = camera.K @ (camera.world_to_camera[:3, :3] @ points.T + camera.world_to_camera[:3, 3:])
        seen += (z > 0) & (x > 0) & (x < camera.width * z) & (y > 0) & (y < camera.height * z)
    return seen


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_focus_of_cameras_around_an_object_is_the_object() -> None:
    middle = np.array([40.0, -7.0, 3.0])
    assert np.allclose(focus(Cameras.stack(on_a_sphere(middle, 5.0))), middle, atol=1e-4)


def test_focus_of_parallel_cameras_is_in_front_of_them() -> None:
    cameras = [look_at(np.array([x, 10.0, 0.0]), np.array([x, 0.0, 0.0])) for x in (-2.0, 0.0, 2.0)]
    x, y, z = focus(Cameras.stack(cameras)).tolist()
    assert abs(x) < 1e-3
    assert 5 < y < 10
    assert abs(z) < 1e-3


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_points_are_seen_by_most_cameras_around_an_object(scale: float) -> None:
    middle = scale * np.array([40.0, -7.0, 3.0])
    rig = on_a_sphere(middle, 5.0 * scale)
    points = random_points(Cameras.stack(rig), 500, generator()).numpy()
    assert points.shape == (500, 3)
    assert (seen_by(rig, points) >= len(rig) // 2).mean() > 0.99
    # They fill the volume: as far out on every side as a view is wide at the middle.
    half_width = 5.0 * scale * 32 / 80
    assert (np.abs(points - middle).max(axis=0) > 0.9 * half_width).all()


def test_every_outward_looking_camera_gets_points() -> None:
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    rig = [look_at(d, 3 * d) for d in directions]
    points = random_points(Cameras.stack(rig), 2000, generator()).numpy()
    assert (seen_by(rig, points) > 0).all()
    assert all(seen_by([camera], points).any() for camera in rig)


def test_cameras_that_only_turn_get_points() -> None:
    rig = [look_at(np.zeros(3), np.array([np.cos(a), np.sin(a), 0.0])) for a in (0.0, 0.3, 0.6)]
    points = random_points(Cameras.stack(rig), 100, generator()).numpy()
    assert (seen_by(rig, points) > 0).all()


def test_points_behind_fill_every_image_from_the_object_to_ten_times_as_far() -> None:
    middle = np.array([40.0, -7.0, 3.0])
    rig = [look_at(middle + 5.0 * d, middle) for d in np.eye(3)]
    points = points_behind(Cameras.stack(rig), 3000, generator()).numpy()
    assert points.shape == (3000, 3)
    claimed = np.zeros(3000, bool)
    for camera in rig:
        x, y, z = camera.K @ (camera.world_to_camera[:3, :3] @ points.T + camera.world_to_camera[:3, 3:])
        seen = (z > 0) & (x > 0) & (x < 64 * z) & (y > 0) & (y < 48 * z)
        claimed |= seen & (z > 5 * (1 - 1e-6)) & (z < 50 * (1 + 1e-6))
        counts, _, _ = np.histogram2d(x[seen] / z[seen], y[seen] / z[seen], bins=4, range=[[0, 64], [0, 48]])
        assert counts.min() > 20
    assert claimed.all()


def test_points_behind_of_cameras_that_only_turn_are_in_front_of_them() -> None:
    rig = [look_at(np.zeros(3), np.array([np.cos(a), np.sin(a), 0.0])) for a in (0.0, 0.3, 0.6)]
    points = points_behind(Cameras.stack(rig), 100, generator()).numpy()
    assert (seen_by(rig, points) > 0).all()


def test_points_behind_are_uniform_in_the_image_and_in_inverse_depth() -> None:
    camera = look_at(np.array([3.0, 2.0, 1.0]), np.array([9.0, 4.0, 0.0]))
    points = points_behind(Cameras.stack([camera]), 2000, generator()).numpy()
    x, y, z = camera.K @ (camera.world_to_camera[:3, :3] @ points.T + camera.world_to_camera[:3, 3:])
    # A camera alone has its focus at distance 1.
    for values, low, high in ((x / z, 0, 64), (y / z, 0, 48), (1 / z, 0.1, 1)):
        assert kstest(values, uniform(low, high - low).cdf).pvalue > 0.01


@pytest.mark.parametrize("covered", [0.0, 1.0])
def test_gaussians_are_as_large_as_their_spacing(covered: float) -> None:
    rig = Cameras.stack(on_a_sphere(np.zeros(3), 5.0))
    gaussians = initial_gaussians(rig, 300, covered, generator())
    assert len(gaussians.means) == 300
    means = gaussians.means.double()
    apart = (means[:, None] - means).norm(dim=2).sort(dim=1).values[:, 1:4]
    torch.testing.assert_close(gaussians.scales, apart.square().mean(1).sqrt().float()[:, None].expand(-1, 3))
    assert torch.allclose(gaussians.opacities, torch.tensor(0.1))
    assert torch.allclose(gaussians.colors, torch.tensor(0.5))


def test_edges_count_as_covered_where_they_differ_from_the_background() -> None:
    images = torch.ones(2, 3, 4, 6)
    images[:, :, 1:3, 1:5] = 0.3  # an object that does not reach the edges
    assert covered_edges(images, torch.ones(3)) == 0
    assert covered_edges(images, torch.tensor([1.0, 1.0, 0.0])) == 1
    images[0, 2, 3, 2] = 0.5  # one of 20 pixels of one of two images; the corners count twice
    assert covered_edges(images, torch.ones(3)) == pytest.approx(1 / 40)


def test_only_images_that_are_covered_to_their_edges_get_gaussians_behind() -> None:
    rig = Cameras.stack(on_a_sphere(np.zeros(3), 5.0))

    object_only, room = (initial_gaussians(rig, 400, covered, generator()).means for covered in (0.0, 1.0))
    assert torch.equal(object_only, random_points(rig, 400, generator()).float())
    farthest = object_only.norm(dim=1).max()
    assert 50 < (room.norm(dim=1) > farthest).sum() <= 100
    assert (room.norm(dim=1) > 20).any()


def test_same_seed_gives_the_same_points() -> None:
    rig = Cameras.stack(on_a_sphere(np.zeros(3), 5.0))
    for points in (random_points, points_behind):
        assert torch.equal(points(rig, 100, generator()), points(rig, 100, generator()))
