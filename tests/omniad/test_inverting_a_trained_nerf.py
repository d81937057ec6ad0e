"""iNeRF on a NeRF that nerfstudio's parts made: planted poses come nearer, alone as in a batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nerf import ball_scene
from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras
from padbench_nerf.representation import NeuralRadianceField
from padbench_omniad.inverse_nerf import InverseNeRF

RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())
TRUE = Cameras.stack([ball_scene.camera(20, 10, 4.0, 2), ball_scene.camera(140, -5, 3.9, 2)])
NEAR = Cameras.stack([ball_scene.camera(29, 6, 4.1, 2), ball_scene.camera(131, -11, 4.0, 2)])


@pytest.fixture(scope="module")
def field() -> NeuralRadianceField:
    pytest.importorskip("nerfstudio")
    field = NeuralRadianceField(
        RUNTIME,
        iterations=300,
        rays=256,
        samples=16,
        fine_samples=12,
        width=16,
        levels=4,
        max_resolution=64,
        log2_table_size=12,
        check_at=1.0,
        min_psnr=14.0,
    )
    field.fit(ball_scene.scene())
    return field


def rotation_errors(estimated: Cameras) -> Tensor:
    difference = estimated.world_to_camera[:, :3, :3].double() - TRUE.world_to_camera[:, :3, :3].double()
    errors: Tensor = 2 * (difference.flatten(1).norm(dim=1) / 8**0.5).arcsin().rad2deg()
    return errors


def test_poses_come_nearer_and_do_not_depend_on_the_batch(field: NeuralRadianceField) -> None:
    estimator = InverseNeRF(RUNTIME, steps=120, rays=128)
    estimator.fit(ball_scene.scene(), field)
    images = field.render(TRUE).rgb
    poses = estimator.estimate(images, NEAR)
    assert (rotation_errors(poses) < 0.5 * rotation_errors(NEAR)).all()
    alone = [estimator.estimate(images[i : i + 1], NEAR[i : i + 1]).world_to_camera for i in (1, 0)]
    assert torch.equal(poses.world_to_camera[[1, 0]], torch.cat(alone))
    assert torch.equal(field.render(TRUE).rgb, images)  # the field is frozen
