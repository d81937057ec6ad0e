"""Rays through pixels and the bounds of their sampling, against projection and ray-ball intersection in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nerf import ball_scene
from padbench.scene import Cameras
from padbench_nerf.rays import Bounds, object_bounds, pixel_grid, pixel_rays


@given(azimuth=st.floats(0, 360), elevation=st.floats(-80, 80), x=st.floats(0, 40), y=st.floats(0, 28))
def test_a_point_on_a_ray_is_projected_to_its_pixel(azimuth: float, elevation: float, x: float, y: float) -> None:
    camera = ball_scene.camera(azimuth, elevation)
    origin, direction = pixel_rays(
        torch.from_numpy(camera.K), torch.from_numpy(camera.world_to_camera), torch.tensor([x, y], dtype=torch.float64)
    )
    np.testing.assert_allclose(origin.numpy(), camera.centre, atol=1e-9)
    assert float(direction.norm()) == pytest.approx(1)
    in_camera = camera.world_to_camera[:3, :3] @ (origin + 2.5 * direction).numpy() + camera.world_to_camera[:3, 3]
    projected = camera.K @ in_camera
    assert in_camera[2] > 0
    np.testing.assert_allclose(projected[:2] / projected[2], [x, y], atol=1e-8)


def test_the_grid_runs_row_by_row_over_pixel_centres() -> None:
    grid = pixel_grid(3, 2, torch.device("cpu"))
    assert grid.tolist() == [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5], [0.5, 1.5], [1.5, 1.5], [2.5, 1.5]]


def test_the_ball_is_the_largest_that_every_camera_sees_whole() -> None:
    views = [*ball_scene.scene().views]
    cameras = Cameras.stack([view.camera for view in views])
    bounds = object_bounds(cameras, 1.0, False)
    np.testing.assert_allclose(bounds.centre.numpy(), ball_scene.CENTRE, atol=1e-4)
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(20000, 3))
    surface = ball_scene.CENTRE + bounds.radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    closest = np.inf  # distance of the projected ball from the border of any image, in pixels
    for view in views:
        projected = (
            surface @ view.camera.world_to_camera[:3, :3].T + view.camera.world_to_camera[:3, 3]
        ) @ view.camera.K.T
        pixels = projected[:, :2] / projected[:, 2:]
        closest = min(closest, pixels.min(), (np.array([40, 28]) - pixels).min())
    assert -0.01 < closest < 0.5
    assert object_bounds(cameras, 1.5, False).radius == pytest.approx(1.5 * bounds.radius)


def test_rays_enter_and_leave_the_ball() -> None:
    camera = replace(ball_scene.camera(30, 20))
    bounds = Bounds(torch.from_numpy(ball_scene.CENTRE).float(), ball_scene.RADIUS, False)
    grid = pixel_grid(camera.width, camera.height, torch.device("cpu"))
    stacked = Cameras.stack([camera])
    origins, directions = pixel_rays(stacked.K[0], stacked.world_to_camera[0], grid)
    near, far = bounds.ends(bounds.normalise(origins), directions)
    hit, z, _ = ball_scene.hits(camera)
    hit, z = hit.reshape(-1), z.reshape(-1)
    cosine = directions.numpy() @ camera.world_to_camera[2, :3]
    assert 50 < hit.sum() < hit.size - 50
    np.testing.assert_allclose(ball_scene.RADIUS * near[:, 0].numpy()[hit] * cosine[hit], z[hit], atol=2e-3)
    entering = bounds.normalise(origins) + near * directions
    leaving = bounds.normalise(origins) + far * directions
    np.testing.assert_allclose(entering.norm(dim=1).numpy()[hit], 1, atol=1e-4)
    np.testing.assert_allclose(leaving.norm(dim=1).numpy()[hit], 1, atol=1e-4)
    assert (far > near).all()
    assert ((far - near)[~torch.from_numpy(hit)] < 1e-3).all()


def test_a_camera_inside_the_ball_samples_only_in_front_of_it() -> None:
    near, far = Bounds(torch.zeros(3), 2.0, False).ends(torch.tensor([[0.0, 0, 0]]), torch.tensor([[0.0, 0, 1]]))
    assert float(near) == pytest.approx(0.05)
    assert float(far) == pytest.approx(1)


def test_an_unbounded_scene_is_sampled_far_behind_the_ball() -> None:
    near, far = Bounds(torch.zeros(3), 2.0, True).ends(torch.tensor([[0.0, 5, 0]]), torch.tensor([[0.0, 0, 1]]))
    assert float(near) < 0.1
    assert float(far) > 100
