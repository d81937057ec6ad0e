"""Pose by inverting Gaussian Splatting: planted motions are found again, defects do not pull the pose along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Matrix, Scene, View
from padbench_gaussians.camera_rig import camera_centres
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.ply import write_ply
from padbench_gaussians.representation import GaussianSplatting
from padbench_igspad.inverse_splatting import InverseSplatting

SIZE = 96
MIDDLE = np.array([4.0, -2.0, 1.0])


RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())


def look_at(position: Matrix, up: tuple[float, float, float] = (0.0, 0.1, 1.0)) -> Camera:
    forward = (MIDDLE - position) / np.linalg.norm(MIDDLE - position)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = rotation, -rotation @ position
    return Camera(np.array([[110.0, 0, SIZE / 2], [0, 110, SIZE / 2], [0, 0, 1]]), motion, SIZE, SIZE)


def on_sphere(azimuth: float, elevation: float, distance: float = 3.0) -> Matrix:
    a, e = np.radians([azimuth, elevation])
    return MIDDLE + distance * np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])


@pytest.fixture(scope="module")
def representation(tmp_path_factory: pytest.TempPathFactory) -> GaussianSplatting:
    """Three hundred coloured blobs, off the origin."""
    generator = torch.Generator().manual_seed(3)
    blobs = Gaussians(
        means=torch.from_numpy(MIDDLE).float() + 0.35 * torch.randn(300, 3, generator=generator),
        quats=torch.randn(300, 4, generator=generator),
        log_scales=torch.full((300, 3), -2.6) + 0.4 * torch.randn(300, 3, generator=generator),
        opacity_logits=torch.full((300,), 3.0),
        features_dc=1.5 * torch.randn(300, 3, generator=generator),
    )
    folder = tmp_path_factory.mktemp("model")
    write_ply(blobs, folder / "point_cloud.ply")
    loaded = GaussianSplatting(RUNTIME)
    loaded.load(folder)
    return loaded


@pytest.fixture(scope="module")
def scene() -> Scene:
    cameras = [look_at(on_sphere(a, e)) for a in range(0, 360, 60) for e in (-30, 30)]
    blank = np.ones((SIZE, SIZE, 3), np.float32)
    return Scene("planted", [View(f"{i}.png", camera, lambda: blank) for i, camera in enumerate(cameras)])


def fitted(scene: Scene, representation: GaussianSplatting, **parameters: Any) -> InverseSplatting:
    estimator = InverseSplatting(RUNTIME, **parameters)
    estimator.fit(scene, representation)
    return estimator


def rotation_errors(estimated: Cameras, true: Cameras) -> Tensor:
    difference = estimated.world_to_camera[:, :3, :3].double() - true.world_to_camera[:, :3, :3].double()
    # The chord: exact near zero, where the arc cosine of the trace is not.
    errors: Tensor = 2 * (difference.flatten(1).norm(dim=1) / 8**0.5).arcsin().rad2deg()
    return errors


def position_errors(estimated: Cameras, true: Cameras) -> Tensor:
    errors: Tensor = (camera_centres(estimated) - camera_centres(true)).norm(dim=1)
    return errors


@pytest.fixture(scope="module")
def planted() -> tuple[Cameras, Cameras]:
    """True cameras, and cameras that are 4 to 8 degrees off in every way and up to 4 % too near or far."""
    true = [look_at(on_sphere(20, 10)), look_at(on_sphere(140, 40)), look_at(on_sphere(250, -35))]
    near = [
        look_at(on_sphere(26, 13, 3.1), up=(0.05, 0.1, 1.0)),
        look_at(on_sphere(134, 36, 2.95)),
        look_at(on_sphere(253, -39, 2.9), up=(0.0, 0.15, 1.0)),
    ]
    return Cameras.stack(true), Cameras.stack(near)


def test_planted_motion_is_recovered(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    assert (rotation_errors(near, true) > 3).all()
    estimator = fitted(scene, representation, mps=False)
    poses = estimator.estimate(representation.render(true).rgb, near)
    assert (rotation_errors(poses, true) < 0.3).all()
    assert (position_errors(poses, true) < 0.03).all()
    assert torch.equal(poses.K, near.K)
    motion = poses.world_to_camera[:, :3, :3]
    torch.testing.assert_close(motion @ motion.mT, torch.eye(3).expand(3, 3, 3))


def test_a_missing_half_pulls_the_pose_along_unless_matching_points_are_sampled(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, _ = planted
    near = [look_at(on_sphere(22, 9, 3.03)), look_at(on_sphere(138, 41, 2.97)), look_at(on_sphere(252, -36, 3.03))]
    images = representation.render(true).rgb
    images[:, :, SIZE // 2 :] = 1.0
    with_mps = fitted(scene, representation, radius=4.0).estimate(images, Cameras.stack(near))
    without = fitted(scene, representation, mps=False).estimate(images, Cameras.stack(near))
    assert (rotation_errors(without, true) > 5).all()
    assert (rotation_errors(with_mps, true) < 0.5).all()


@pytest.mark.parametrize("mps", [True, False])
def test_batch_size_does_not_change_the_poses(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras], mps: bool
) -> None:
    true, near = planted
    images = representation.render(true).rgb
    estimator = fitted(scene, representation, steps=30, rematch_every=15, mps=mps)
    together = estimator.estimate(images, near).world_to_camera
    alone = [estimator.estimate(images[i : i + 1], near[i : i + 1]).world_to_camera for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_no_steps_leave_the_pose_as_it_is(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    poses = fitted(scene, representation, steps=0, mps=False).estimate(representation.render(true).rgb, near)
    torch.testing.assert_close(poses.world_to_camera, near.world_to_camera, rtol=0, atol=1e-6)


def test_with_too_few_matches_the_whole_image_counts(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    images = representation.render(true).rgb
    never_enough = fitted(scene, representation, steps=10, min_matches=100_000).estimate(images, near)
    without = fitted(scene, representation, steps=10, mps=False).estimate(images, near)
    with_mps = fitted(scene, representation, steps=10, radius=3.0).estimate(images, near)
    assert torch.equal(never_enough.world_to_camera, without.world_to_camera)
    assert not torch.equal(with_mps.world_to_camera, without.world_to_camera)


def test_mean_only_gradient_is_another_path_to_the_same_pose(
    scene: Scene, representation: GaussianSplatting, planted: tuple[Cameras, Cameras]
) -> None:
    true, near = planted
    images = representation.render(true).rgb
    mean_only = fitted(scene, representation, mps=False, mean_only_gradient=True).estimate(images, near)
    full = fitted(scene, representation, mps=False).estimate(images, near)
    assert not torch.equal(mean_only.world_to_camera, full.world_to_camera)
    assert (rotation_errors(mean_only, true) < 0.5).all()


def test_another_representation_is_refused(scene: Scene) -> None:
    class Mesh:
        pass

    mesh: Any = Mesh()
    with pytest.raises(UserError, match=r"igs.*3dgs.*Mesh"):
        InverseSplatting(RUNTIME, mps=False).fit(scene, mesh)
    with pytest.raises(UserError, match=r"igs.*3dgs.*none"):
        InverseSplatting(RUNTIME, mps=False).fit(scene, None)


def test_being_the_first_link_is_refused(scene: Scene, representation: GaussianSplatting) -> None:
    with pytest.raises(UserError, match="retrieval before it"):
        fitted(scene, representation, mps=False).estimate(torch.ones(1, 3, SIZE, SIZE), None)


def test_names_the_weights_of_its_matcher(scene: Scene, representation: GaussianSplatting) -> None:
    assert set(fitted(scene, representation).weights()) == {"xfeat.pt", "xfeat-lighterglue.pt"}
    assert fitted(scene, representation, mps=False).weights() == {}
