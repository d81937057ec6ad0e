"""Initial points lie where the cameras look, wherever that is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from padbench.scene import Camera, Cameras, Matrix
from padbench_gaussians.camera_rig import focus
from padbench_gaussians.initialisation import initial_gaussians, random_points


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


def test_gaussians_are_as_large_as_their_spacing() -> None:
    rig = Cameras.stack(on_a_sphere(np.zeros(3), 5.0))
    gaussians = initial_gaussians(rig, 300, generator())
    apart = torch.cdist(gaussians.means, gaussians.means).sort(dim=1).values[:, 1:4]
    torch.testing.assert_close(gaussians.scales, apart.square().mean(1).sqrt()[:, None].expand(-1, 3))
    assert torch.allclose(gaussians.opacities, torch.tensor(0.1))
    assert torch.allclose(gaussians.colors, torch.tensor(0.5))


def test_same_seed_gives_the_same_points() -> None:
    rig = Cameras.stack(on_a_sphere(np.zeros(3), 5.0))
    assert torch.equal(random_points(rig, 100, generator()), random_points(rig, 100, generator()))
