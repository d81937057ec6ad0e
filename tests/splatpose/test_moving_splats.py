"""SplatPose: moving the scene is moving the camera, and planted motions are found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.spatial.transform import Rotation

from gaussians.planted_scene import (
    RUNTIME,
    SIZE,
    blobs,
    cameras_around,
    planted_poses,
    position_errors,
    rotation_errors,
)
from padbench.errors import UserError
from padbench.interfaces import PoseEstimator
from padbench.scene import Cameras, Scene
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.representation import GaussianSplatting
from padbench_splatpose.moving_splats import MovingSplats
from padbench_splatpose.screw_axis import screw_motion


@pytest.fixture(scope="module")
def representation(tmp_path_factory: pytest.TempPathFactory) -> GaussianSplatting:
    return blobs(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return cameras_around()


@pytest.fixture(scope="module")
def planted() -> tuple[Cameras, Cameras]:
    return planted_poses()


def fitted(scene: Scene, representation: GaussianSplatting, **parameters: Any) -> PoseEstimator:
    estimator = MovingSplats(RUNTIME, **parameters)
    estimator.fit(scene, representation)
    return estimator


def test_moving_every_gaussian_shows_what_the_moved_camera_sees(
    representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    """The equivalence that lets the Gaussians stay: W applied to T x is W T applied to x, for shapes as for means."""
    generator = torch.Generator().manual_seed(1)
    for camera in range(3):
        omega, v = 0.3 * torch.randn(2, 1, 3, generator=generator, dtype=torch.float64)
        motion = screw_motion(omega, v, torch.tensor([0.4]).double())[0]
        gaussians = representation.gaussians
        means = (gaussians.means.double() @ motion[:3, :3].T + motion[:3, 3]).float()
        turn = Rotation.from_matrix(motion[:3, :3].numpy())
        scalar_last = gaussians.quats[:, [1, 2, 3, 0]].double().numpy()
        turned = torch.from_numpy((turn * Rotation.from_quat(scalar_last)).as_quat()).float()
        still = planted[0][camera : camera + 1]
        moved_scene = rasterize(
            means,
            turned[:, [3, 0, 1, 2]],
            gaussians.scales,
            gaussians.opacities,
            gaussians.colors,
            still,
            representation.background,
        )
        moved_camera = representation.render(
            replace(still, world_to_camera=(still.world_to_camera.double() @ motion).float())
        )
        assert (moved_camera.rgb - representation.render(still).rgb).abs().max() > 0.5
        for found, expected in ((moved_scene.rgb, moved_camera.rgb), (moved_scene.alpha, moved_camera.alpha)):
            torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_planted_motion_is_recovered(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    assert (rotation_errors(near, true) > 3).all()
    poses = fitted(scene, representation).estimate(representation.render(true).rgb, near)
    assert (rotation_errors(poses, true) < 0.3).all()
    assert (position_errors(poses, true) < 0.03).all()
    assert torch.equal(poses.K, near.K)
    turned = poses.world_to_camera[:, :3, :3]
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3).expand(3, 3, 3))


def test_the_scale_and_the_place_of_the_world_do_not_matter(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    """Ten times as large, elsewhere, and turned: the camera is found where the same motion takes it."""
    true, near = planted
    images = representation.render(true[:1]).rgb
    factor, turn = 10.0, torch.from_numpy(Rotation.from_rotvec([0.3, -0.5, 1.0]).as_matrix())
    shift = torch.tensor([100.0, -50.0, 20.0]).double()

    def elsewhere(cameras: Cameras) -> Cameras:
        motion = cameras.world_to_camera.double().clone()
        motion[:, :3, :3] = motion[:, :3, :3] @ turn.T
        motion[:, :3, 3] = factor * motion[:, :3, 3] - motion[:, :3, :3] @ shift
        return replace(cameras, world_to_camera=motion.float())

    moved_views = [
        replace(
            view,
            camera=replace(
                view.camera,
                world_to_camera=elsewhere(Cameras.stack([view.camera])).world_to_camera[0].double().numpy(),
            ),
        )
        for view in scene.views
    ]
    gaussians = representation.gaussians
    moved = GaussianSplatting(RUNTIME)
    quats = Rotation.from_matrix(turn.numpy()) * Rotation.from_quat(gaussians.quats[:, [1, 2, 3, 0]].double().numpy())
    moved._gaussians = replace(
        gaussians,
        means=(factor * gaussians.means.double() @ turn.T + shift).float(),
        quats=torch.from_numpy(quats.as_quat()).float()[:, [3, 0, 1, 2]],
        log_scales=gaussians.log_scales + torch.tensor(factor).log(),
    )
    torch.testing.assert_close(moved.render(elsewhere(true[:1])).rgb, images, rtol=0, atol=0.02)
    poses = fitted(Scene("moved", moved_views), moved).estimate(images, elsewhere(near[:1]))
    assert (rotation_errors(poses, elsewhere(true[:1])) < 0.3).all()
    assert (position_errors(poses, elsewhere(true[:1])) < 0.03 * factor).all()


def test_batch_size_does_not_change_the_poses(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    images = representation.render(true).rgb
    estimator = fitted(scene, representation, steps=40)
    together = estimator.estimate(images, near).world_to_camera
    alone = [estimator.estimate(images[i : i + 1], near[i : i + 1]).world_to_camera for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_the_first_steps_have_the_rates_of_the_reference_code(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.Adam.step

    def recorded(self: torch.optim.Adam, *arguments: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recorded)
    true, near = planted
    fitted(scene, representation, steps=3).estimate(representation.render(true[:1]).rgb, near[:1])
    assert rates == pytest.approx([0.001, 0.01 * 0.8**0.01, 0.01 * 0.8**0.02])


def test_no_steps_leave_the_pose_as_it_is(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    poses = fitted(scene, representation, steps=0).estimate(representation.render(true).rgb, near)
    torch.testing.assert_close(poses.world_to_camera, near.world_to_camera, rtol=0, atol=2e-5)


def test_it_refuses_what_it_cannot_do(scene: Scene, representation: GaussianSplatting) -> None:
    mesh: Any = object()
    with pytest.raises(UserError, match=r"splatpose.*3dgs.*object"):
        MovingSplats(RUNTIME).fit(scene, mesh)
    with pytest.raises(UserError, match=r"splatpose.*3dgs.*none"):
        MovingSplats(RUNTIME).fit(scene, None)
    with pytest.raises(UserError, match="retrieval before it"):
        fitted(scene, representation).estimate(torch.ones(1, 3, SIZE, SIZE), None)
    with pytest.raises(UserError, match="steps of at least 0"):
        MovingSplats(RUNTIME, steps=-1)
    with pytest.raises(UserError, match="initial_deviation above 0"):
        MovingSplats(RUNTIME, initial_deviation=0.0)
