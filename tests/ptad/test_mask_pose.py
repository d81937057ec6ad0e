"""mask: a planted pose is found by its silhouette, and nothing depends on what a query is batched with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation
from torch import Tensor

from gaussians.planted_scene import position_errors, rotation_errors
from gaussians.ray_cast import body, camera_at, overlap, picture, scene_of, truth
from padbench.errors import UserError
from padbench.interfaces import Poses, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Scene
from padbench_datasets.chair_names import Orbit
from padbench_datasets.chairs.parts import Part, chair
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_gaussians.representation import GaussianSplatting
from padbench_ptad.mask_pose import MaskAlignment

RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())
SIZE = 128


def lopsided_chair() -> list[Part]:
    """A chair with a board at one side: no two of its silhouettes are alike."""
    board = trimesh.creation.box((0.35, 0.04, 0.2))
    board.apply_translation([0.35, 0.15, 0.2])
    return [*chair(1), *body(board)]


def near(camera: Camera, axis: tuple[float, float, float], degrees: float, shift: tuple[float, float, float]) -> Camera:
    """The camera before the object was turned and shifted."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * np.array(axis) / np.linalg.norm(axis)).as_matrix()
    motion[:3, 3] = shift
    return replace(camera, world_to_camera=camera.world_to_camera @ motion)


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return lopsided_chair()


@pytest.fixture(scope="module")
def scene(parts: list[Part], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene_of(parts, tmp_path_factory.mktemp("shape"), SIZE, views=8)


@pytest.fixture(scope="module")
def representation(scene: Scene) -> MeshSplatting:
    fitted = MeshSplatting(RUNTIME)
    fitted.fit(scene)
    return fitted


@pytest.fixture(scope="module")
def true_cameras() -> list[Camera]:
    return [camera_at(Orbit(*orbit), SIZE) for orbit in ((2.1, 40, 15), (2.3, 160, 30), (2.0, 285, 5))]


@pytest.fixture(scope="module")
def images(parts: list[Part], true_cameras: list[Camera]) -> Tensor:
    seen = [torch.from_numpy(picture(parts, camera).rgb).permute(2, 0, 1) / 255 for camera in true_cameras]
    return torch.stack(seen)


@pytest.fixture(scope="module")
def coarse(true_cameras: list[Camera]) -> Poses:
    return Cameras.stack(
        [
            near(true_cameras[0], (0.2, 1.0, 0.1), 10, (0.04, -0.03, 0.02)),
            near(true_cameras[1], (1.0, 0.3, 0.0), -9, (-0.05, 0.0, 0.1)),
            near(true_cameras[2], (0.1, 0.6, 1.0), 10, (0.0, 0.05, -0.05)),
        ]
    )


def aligned(scene: Scene, representation: Any, images: Tensor, initial: Poses | None, **parameters: Any) -> Poses:
    estimator = MaskAlignment(RUNTIME, **parameters)
    estimator.fit(scene, representation)
    return estimator.estimate(images, initial)


def test_a_planted_pose_is_recovered(
    parts: list[Part],
    scene: Scene,
    representation: MeshSplatting,
    true_cameras: list[Camera],
    images: Tensor,
    coarse: Poses,
) -> None:
    true = Cameras.stack(true_cameras)
    masks, _ = truth(parts, true_cameras)
    assert (rotation_errors(coarse, true) > 8).all()
    assert (overlap(representation.render(coarse).alpha[:, 0] > 0.5, masks) < 0.75).all()
    poses = aligned(scene, representation, images, coarse)
    found, exact = (representation.render(cameras).alpha[:, 0] > 0.5 for cameras in (poses, true))
    assert (overlap(found, exact) > 0.97).all()
    assert (overlap(found, masks) > overlap(exact, masks) - 0.01).all()
    assert (rotation_errors(poses, true) < 1).all()
    assert (position_errors(poses, true) < 0.03).all()
    assert torch.equal(poses.K, coarse.K)
    turned = poses.world_to_camera[:, :3, :3]
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3).expand(3, 3, 3))


def test_scouts_find_a_pose_on_the_other_side(
    scene: Scene, representation: MeshSplatting, true_cameras: list[Camera], images: Tensor
) -> None:
    """From behind, the search ends in a wrong pose; one of the nearest silhouettes leads to the pose."""
    true = Cameras.stack(true_cameras)
    behind = Cameras.stack([scene.views[index].camera for index in (5, 0, 2)])
    assert (rotation_errors(behind, true) > 100).all()
    assert (rotation_errors(aligned(scene, representation, images, behind, steps=25), true) > 20).any()
    poses = aligned(scene, representation, images, behind, candidates=4, steps=60)
    assert (rotation_errors(poses, true) < 1.5).all()


def test_gaussians_fitted_to_views_are_moved_as_well(
    scene: Scene, representation: MeshSplatting, images: Tensor, coarse: Poses, tmp_path: Path
) -> None:
    """The representation 3dgs with the same Gaussians, which it renders without antialiasing."""
    representation.save(tmp_path)
    splats = GaussianSplatting(RUNTIME)
    splats.load(tmp_path)
    poses = aligned(scene, splats, images, coarse, steps=60)
    masks = images.amin(dim=1) < 0.9
    before = overlap(splats.render(coarse).alpha[:, 0] > 0.5, masks)
    assert (overlap(splats.render(poses).alpha[:, 0] > 0.5, masks) > before + 0.1).all()


@pytest.mark.parametrize("candidates", [1, 3])
def test_batch_size_does_not_change_the_poses(
    scene: Scene, representation: MeshSplatting, images: Tensor, coarse: Poses, candidates: int
) -> None:
    parameters = {"steps": 30, "scout_steps": 10, "candidates": candidates}
    empty = torch.full_like(images[:1], 0.9)
    together = aligned(
        scene,
        representation,
        torch.cat([empty, images]),
        Cameras(coarse.K[[0, 0, 1, 2]], coarse.world_to_camera[[0, 0, 1, 2]], SIZE, SIZE),
        **parameters,
    ).world_to_camera[1:]
    alone = [
        aligned(scene, representation, images[i : i + 1], coarse[i : i + 1], **parameters).world_to_camera
        for i in range(3)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_a_query_that_shows_nothing_keeps_its_pose(
    scene: Scene, representation: MeshSplatting, images: Tensor, coarse: Poses
) -> None:
    half = images.clone()
    half[1] = 0.9
    poses = aligned(scene, representation, half, coarse, steps=5)
    assert torch.equal(poses.world_to_camera[1], coarse.world_to_camera[1])
    assert not torch.equal(poses.world_to_camera[0], coarse.world_to_camera[0])
    nothing = aligned(scene, representation, torch.full_like(images, 0.9), coarse, steps=5)
    assert torch.equal(nothing.world_to_camera, coarse.world_to_camera)


def test_a_step_that_makes_it_worse_is_taken_back(
    scene: Scene, representation: MeshSplatting, true_cameras: list[Camera]
) -> None:
    """The query is the rendering itself, so that every other pose is worse."""
    true = Cameras.stack(true_cameras)
    exact = (representation.render(true).alpha > 0.5).float()
    images = 1 - 0.8 * exact.expand(-1, 3, -1, -1)
    poses = aligned(scene, representation, images, true, steps=3, learning_rate=0.5, late_learning_rate=0.5)
    torch.testing.assert_close(poses.world_to_camera, true.world_to_camera, rtol=0, atol=1e-5)


def test_it_refuses_what_it_cannot_do(scene: Scene, representation: MeshSplatting, images: Tensor) -> None:
    other: Any = object()
    with pytest.raises(UserError, match=r"mask.*mesh2splat.*object"):
        MaskAlignment(RUNTIME).fit(scene, other)
    with pytest.raises(UserError, match=r"mask.*mesh2splat.*none"):
        MaskAlignment(RUNTIME).fit(scene, None)
    with pytest.raises(UserError, match="bare has no reference views"):
        MaskAlignment(RUNTIME).fit(Scene("bare", ()), representation)
    with pytest.raises(UserError, match="chamfer before it"):
        aligned(scene, representation, images, None)
    refused: tuple[tuple[str, Any], ...] = (
        ("steps", -1),
        ("candidates", 0),
        ("learning_rate", 0.0),
        ("scout_learning_rate", -1.0),
        ("threshold", 1.0),
    )
    for parameter, value in refused:
        with pytest.raises(UserError, match=parameter):
            MaskAlignment(RUNTIME, **{parameter: value})
