"""iNeRF on a scene known in closed form: planted poses are found again, far from the origin, in images not square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Scene, View
from padbench_gaussians.camera_rig import camera_centres
from padbench_nerf.rays import pixel_grid, pixel_rays
from padbench_omniad.inverse_nerf import InverseNeRF

RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())
WIDTH, HEIGHT = 96, 72
MIDDLE = np.array([40.0, -20.0, 10.0])
SCALE = 2.5  # scene units in one of MAD's


@dataclass(frozen=True)
class Shown:
    rgb: Tensor


class PaintedBall:
    """A ball of light: a ray's colour is a pattern's where it passes the middle, fading to white at the rim.

    Smooth, so that the gradient is exact: a hard surface has none at its outline.
    """

    def __init__(self) -> None:
        self.rays = 0

    def render_rays(self, origins: Tensor, directions: Tensor) -> Shown:
        self.rays += len(origins)
        offset = (origins - torch.from_numpy(MIDDLE).to(origins)) / SCALE
        points = offset - (offset * directions).sum(-1, keepdim=True) * directions
        waves = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 4.0, 1.0], [2.0, -2.0, 4.0]])
        colours = 0.5 + 0.35 * (points @ waves.to(points)).sin()
        alpha = (8 * (1 - points.square().sum(-1, keepdim=True))).sigmoid()
        return Shown(1 + alpha * (colours - 1))

    def render(self, cameras: Cameras) -> Tensor:
        grid = pixel_grid(cameras.width, cameras.height, torch.device("cpu"))
        images = []
        for K, pose in zip(cameras.K, cameras.world_to_camera, strict=True):
            rgb = self.render_rays(*pixel_rays(K, pose, grid)).rgb
            images.append(rgb.reshape(cameras.height, cameras.width, 3).permute(2, 0, 1))
        return torch.stack(images)


def look_at(azimuth: float, elevation: float, distance: float = 4.0, roll: float = 0.0) -> Camera:
    a, e = np.radians([azimuth, elevation])
    position = MIDDLE + SCALE * distance * np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    forward = (MIDDLE - position) / np.linalg.norm(MIDDLE - position)
    right = np.cross(forward, (0.0, roll, 1.0))
    right /= np.linalg.norm(right)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    motion[:3, 3] = -motion[:3, :3] @ position
    K = np.array([[120.0, 0.0, 50.0], [0.0, 125.0, 34.0], [0.0, 0.0, 1.0]])
    return Camera(K, motion, WIDTH, HEIGHT)


TRUE = Cameras.stack([look_at(20, 10), look_at(140, 40), look_at(250, -35)])
NEAR = Cameras.stack([look_at(29, 3, 4.1), look_at(131, 46, 3.9, 0.05), look_at(258, -43, 4.0, -0.08)])


def blank() -> Any:
    return np.ones((HEIGHT, WIDTH, 3), np.float32)


def scene() -> Scene:
    cameras = [look_at(azimuth, elevation) for azimuth in range(0, 360, 60) for elevation in (-30, 30)]
    return Scene("planted", [View(f"{i}.png", camera, blank) for i, camera in enumerate(cameras)])


def fitted(representation: Any, **parameters: Any) -> InverseNeRF:
    estimator = InverseNeRF(RUNTIME, **{"rays": 256, **parameters})
    estimator.fit(scene(), representation)
    return estimator


def rotation_errors(estimated: Cameras, true: Cameras) -> Tensor:
    difference = estimated.world_to_camera[:, :3, :3].double() - true.world_to_camera[:, :3, :3].double()
    errors: Tensor = 2 * (difference.flatten(1).norm(dim=1) / 8**0.5).arcsin().rad2deg()
    return errors


def test_planted_poses_are_recovered() -> None:
    ball = PaintedBall()
    assert (rotation_errors(NEAR, TRUE) > 8).all()
    poses = fitted(ball).estimate(ball.render(TRUE), NEAR)
    assert (rotation_errors(poses, TRUE) < 0.5).all()
    assert ((camera_centres(poses) - camera_centres(TRUE)).norm(dim=1) < 0.03 * 4 * SCALE).all()
    assert torch.equal(poses.K, NEAR.K)
    motion = poses.world_to_camera[:, :3, :3]
    torch.testing.assert_close(motion @ motion.mT, torch.eye(3).expand(3, 3, 3), rtol=0, atol=1e-5)


def test_batch_size_does_not_change_the_poses() -> None:
    ball = PaintedBall()
    images = ball.render(TRUE)
    estimator = fitted(ball, steps=40)
    together = estimator.estimate(images, NEAR).world_to_camera
    alone = [estimator.estimate(images[i : i + 1], NEAR[i : i + 1]).world_to_camera for i in (2, 0, 1)]
    assert not torch.allclose(together, NEAR.world_to_camera, rtol=0, atol=1e-2)
    assert torch.equal(together[[2, 0, 1]], torch.cat(alone))


def test_no_steps_leave_the_pose_as_it_is() -> None:
    ball = PaintedBall()
    poses = fitted(ball, steps=0).estimate(ball.render(TRUE), NEAR)
    torch.testing.assert_close(poses.world_to_camera, NEAR.world_to_camera, rtol=0, atol=2e-5)


def test_every_step_renders_the_rays_asked_for() -> None:
    ball = PaintedBall()
    images = ball.render(TRUE)
    ball.rays = 0
    fitted(ball, steps=4, rays=77).estimate(images, NEAR)
    assert ball.rays == 3 * 4 * 77


def test_a_seed_decides() -> None:
    ball = PaintedBall()
    images = ball.render(TRUE[:1])

    def pose(seed: int) -> Tensor:
        estimator = InverseNeRF(replace(RUNTIME, seed=seed), steps=30, rays=64)
        estimator.fit(scene(), ball)  # type: ignore[arg-type]
        torch.manual_seed(seed + 7)
        return estimator.estimate(images, NEAR[:1]).world_to_camera

    assert torch.equal(pose(0), pose(0))
    assert not torch.equal(pose(0), pose(1))


def test_another_representation_is_refused() -> None:
    class Mesh:
        pass

    with pytest.raises(UserError, match=r"inerf.*nerf.*Mesh"):
        fitted(Mesh())
    with pytest.raises(UserError, match=r"inerf.*nerf.*none"):
        fitted(None)


def test_being_the_first_link_is_refused() -> None:
    with pytest.raises(UserError, match="retrieval before it"):
        fitted(PaintedBall()).estimate(torch.ones(1, 3, HEIGHT, WIDTH), None)


@pytest.mark.parametrize(("parameter", "value"), [("steps", -1), ("rays", 0), ("kernel_size", 4), ("dilations", -1)])
def test_senseless_numbers_are_refused(parameter: str, value: int) -> None:
    with pytest.raises(UserError, match=parameter):
        InverseNeRF(RUNTIME, **{parameter: value})  # type: ignore[arg-type]


def test_names_the_weights_of_its_key_points() -> None:
    assert set(fitted(PaintedBall()).weights()) == {"xfeat.pt"}
