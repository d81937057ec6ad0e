"""Novel views: the noise is what the settings say, comes from the seed alone and does not know the world's origin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from gaussians.planted_scene import MIDDLE, blobs, cameras_around, look_at, on_sphere
from padbench.errors import UserError
from padbench.scene import Cameras, Matrix, Scene, View
from padbench_rpepad.rvss import ViewGallery, novel_cameras


def cameras() -> Cameras:
    return Cameras.stack([view.camera for view in cameras_around().views])


def about_the_middle(batch: Cameras) -> tuple[Matrix, Matrix]:
    """Rotations and translations, world-to-camera, of a world whose origin is the middle of the scene."""
    motion = batch.world_to_camera.double().numpy()
    rotation = motion[:, :3, :3]
    return rotation, motion[:, :3, 3] + rotation @ MIDDLE


def test_the_noise_has_the_stated_deviations_and_mean_zero() -> None:
    count, sigma_r, sigma_t = 800, 0.02, 0.1
    original = cameras()
    rotation, translation = about_the_middle(original)
    noisy_rotation, noisy_translation = about_the_middle(novel_cameras(original, count, sigma_r, sigma_t, 0))
    shift = noisy_translation - np.repeat(translation, count, axis=0)
    turn = Rotation.from_matrix(noisy_rotation @ np.repeat(rotation, count, axis=0).transpose(0, 2, 1)).as_rotvec()
    # A unit quaternion moved by d turns by 2 d; moved along itself it does not turn, which leaves three numbers.
    standard_error = 1 / np.sqrt(len(shift))
    for noise, sigma in ((shift, sigma_t), (turn, 2 * sigma_r)):
        assert np.abs(noise.mean(axis=0)).max() < 4 * sigma * standard_error
        np.testing.assert_allclose(noise.std(axis=0), sigma, rtol=4 * standard_error)
        correlation = np.corrcoef(noise.T)
        assert np.abs(correlation - np.eye(3)).max() < 4 * standard_error
    assert np.abs(np.corrcoef(shift.T, turn.T)[:3, 3:]).max() < 4 * standard_error


def test_the_seed_decides() -> None:
    original = cameras()
    once, again, other = (novel_cameras(original, 2, 0.02, 0.1, seed).world_to_camera for seed in (5, 5, 6))
    assert torch.equal(once, again)
    assert not torch.isclose(once, other).all()


def test_novel_views_follow_their_training_view_with_its_intrinsics() -> None:
    original = cameras()
    scaled = replace(original, K=original.K * torch.linspace(1, 2, len(original))[:, None, None])
    novel = novel_cameras(scaled, 3, 1e-4, 1e-4, 0)
    assert len(novel) == 3 * len(original)
    torch.testing.assert_close(novel.K, scaled.K.repeat_interleave(3, dim=0))
    near = original.world_to_camera.repeat_interleave(3, dim=0)
    torch.testing.assert_close(novel.world_to_camera, near, rtol=0, atol=5e-3)
    assert (novel.world_to_camera - near).abs().amax(dim=(1, 2)).min() > 0


def test_a_world_with_another_origin_has_the_same_novel_views() -> None:
    original = cameras()
    moved = torch.eye(4)
    moved[:3, 3] = torch.tensor([7.0, -3.0, 11.0])
    there = replace(original, world_to_camera=original.world_to_camera @ moved)
    here = novel_cameras(original, 2, 0.05, 0.1, 0).world_to_camera @ moved
    torch.testing.assert_close(novel_cameras(there, 2, 0.05, 0.1, 0).world_to_camera, here, rtol=0, atol=1e-4)


def test_the_gallery_is_the_training_set_and_the_novel_set(tmp_path: Path) -> None:
    representation, scene = blobs(tmp_path), cameras_around()
    gallery = ViewGallery(scene, representation, 2, 0.02, 0.1, 0, "cpu")
    assert (len(gallery), gallery.training) == (3 * len(scene.views), len(scene.views))
    assert torch.equal(gallery.image(1), scene.views[1].image())
    last = gallery.cameras[len(gallery) - 1 : len(gallery)]
    assert torch.equal(gallery.image(len(gallery) - 1), representation.render(last).rgb[0])
    assert len(ViewGallery(scene, representation, 0, 0.02, 0.1, 0, "cpu")) == len(scene.views)


def test_what_cannot_be_rendered_is_refused(tmp_path: Path) -> None:
    representation, scene = blobs(tmp_path), cameras_around()
    with pytest.raises(UserError, match="no posed training views"):
        ViewGallery(Scene("empty", []), representation, 2, 0.02, 0.1, 0, "cpu")
    with pytest.raises(UserError, match="name a representation"):
        ViewGallery(scene, None, 2, 0.02, 0.1, 0, "cpu")
    with pytest.raises(UserError, match="novel_views"):
        ViewGallery(scene, representation, -1, 0.02, 0.1, 0, "cpu")
    other = replace(look_at(on_sphere(0, 0)), width=10)
    with pytest.raises(UserError, match="one image size"):
        mixed = Scene("mixed", [*scene.views, View("odd.png", other, scene.views[0].load)])
        ViewGallery(mixed, representation, 2, 0.02, 0.1, 0, "cpu")
