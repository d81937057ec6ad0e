"""Pose by inverting Gaussian Splatting: planted motions are found again, defects do not pull the pose along."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gaussians.planted_scene import (
    RUNTIME,
    SIZE,
    blobs,
    cameras_around,
    look_at,
    on_sphere,
    planted_poses,
    position_errors,
    rotation_errors,
)
from padbench.errors import UserError
from padbench.scene import Cameras, Scene
from padbench_gaussians.representation import GaussianSplatting
from padbench_igspad.inverse_splatting import InverseSplatting


@pytest.fixture(scope="module")
def representation(tmp_path_factory: pytest.TempPathFactory) -> GaussianSplatting:
    return blobs(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return cameras_around()


@pytest.fixture(scope="module")
def planted() -> tuple[Cameras, Cameras]:
    return planted_poses()


def fitted(scene: Scene, representation: GaussianSplatting, **parameters: Any) -> InverseSplatting:
    estimator = InverseSplatting(RUNTIME, **parameters)
    estimator.fit(scene, representation)
    return estimator


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
