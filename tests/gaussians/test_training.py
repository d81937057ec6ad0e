"""Training and the representation around it, on a small scene that is itself made of Gaussians."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Rendering, Representation, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Matrix, Scene, View
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.representation import GaussianSplatting

WIDTH, HEIGHT = 40, 32
MIDDLE = np.array([5.0, -3.0, 2.0])


def runtime(seed: int = 0) -> Runtime:
    return Runtime(device="cpu", seed=seed, progress=SilentProgress())


def look_at(position: Matrix) -> Camera:
    forward = (MIDDLE - position) / np.linalg.norm(MIDDLE - position)
    right = np.cross(forward, [0.0, 0.1, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = rotation, -rotation @ position
    return Camera(np.array([[40.0, 0, WIDTH / 2], [0, 40, HEIGHT / 2], [0, 0, 1]]), motion, WIDTH, HEIGHT)


def rig(count: int, seed: int) -> list[Camera]:
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return [look_at(MIDDLE + 3 * d / np.linalg.norm(d)) for d in directions]


def true_gaussians() -> Gaussians:
    generator = torch.Generator().manual_seed(1)
    return Gaussians(
        means=torch.from_numpy(MIDDLE).float() + 0.4 * torch.randn(40, 3, generator=generator),
        quats=torch.randn(40, 4, generator=generator),
        log_scales=torch.full((40, 3), -1.9) + 0.3 * torch.randn(40, 3, generator=generator),
        opacity_logits=torch.full((40,), 3.0),
        features_dc=1.5 * torch.randn(40, 3, generator=generator),
    )


def images_at(cameras: list[Camera]) -> Tensor:
    g = true_gaussians()
    stacked = Cameras.stack(cameras)
    activated = (g.means, g.quats, g.scales, g.opacities, g.colors)
    return rasterize(*activated, stacked, torch.ones(3)).rgb.clamp(0, 1)


def scene(count: int = 16) -> Scene:
    cameras = rig(count, seed=0)
    images = images_at(cameras).permute(0, 2, 3, 1).numpy()
    views = [View(f"{index}.png", camera, partial(images.__getitem__, index)) for index, camera in enumerate(cameras)]
    return Scene("planted", views)


def psnr(representation: GaussianSplatting) -> float:
    cameras = rig(6, seed=9)
    rendered = representation.render(Cameras.stack(cameras)).rgb
    return float(-10 * (rendered - images_at(cameras)).square().mean().log10())


@pytest.fixture(scope="module")
def fitted() -> GaussianSplatting:
    representation = GaussianSplatting(runtime(), gaussians=400, iterations=300)
    representation.fit(scene())
    return representation


def test_views_that_were_held_out_come_to_look_right(fitted: GaussianSplatting) -> None:
    start = GaussianSplatting(runtime(), gaussians=400, iterations=1)
    start.fit(scene())
    assert psnr(fitted) > psnr(start) + 8
    assert psnr(fitted) > 22


def test_a_bright_room_becomes_opaque() -> None:
    """Against a white background the walls would be cheaper to leave out."""
    cameras = rig(12, seed=0)
    images = (0.97 - 0.4 * (1 - images_at(cameras))).permute(0, 2, 3, 1).numpy()
    views = [View(f"{index}.png", camera, partial(images.__getitem__, index)) for index, camera in enumerate(cameras)]
    representation = GaussianSplatting(runtime(), gaussians=400, iterations=200)
    representation.fit(Scene("room", views))
    assert representation.render(Cameras.stack(cameras)).alpha.mean() > 0.9


def test_same_seed_gives_identical_gaussians_and_another_seed_others() -> None:
    def fit(seed: int) -> tuple[Tensor, ...]:
        representation = GaussianSplatting(runtime(seed), gaussians=100, iterations=40, relocate_every=10)
        representation.fit(scene(4))
        return representation.gaussians.tensors()

    first, again, other = fit(0), fit(0), fit(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_follows_the_protocol_and_shapes(fitted: GaussianSplatting) -> None:
    followed: Representation = fitted
    rendering = followed.render(Cameras.stack(rig(3, seed=2)))
    assert isinstance(rendering, Rendering)
    assert rendering.rgb.shape == (3, 3, HEIGHT, WIDTH)
    assert rendering.depth.shape == rendering.alpha.shape == (3, 1, HEIGHT, WIDTH)
    assert not rendering.rgb.requires_grad


def test_batch_size_does_not_change_a_rendering(fitted: GaussianSplatting) -> None:
    cameras = Cameras.stack(rig(3, seed=2))
    together = fitted.render(cameras)
    for index in range(3):
        alone = fitted.render(cameras[index : index + 1])
        assert torch.equal(alone.rgb[0], together.rgb[index])
        assert torch.equal(alone.depth[0], together.depth[index])


def test_what_is_loaded_renders_what_was_saved(fitted: GaussianSplatting, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["point_cloud.ply"]
    loaded = GaussianSplatting(runtime(), gaussians=400, iterations=300)
    loaded.load(tmp_path)
    cameras = Cameras.stack(rig(2, seed=2))
    assert torch.equal(loaded.render(cameras).rgb, fitted.render(cameras).rgb)


def test_background_is_where_nothing_is(fitted: GaussianSplatting, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    black = GaussianSplatting(runtime(), gaussians=400, iterations=300, background="black")
    black.load(tmp_path)
    cameras = Cameras.stack(rig(1, seed=2))
    on_black, on_white = black.render(cameras), fitted.render(cameras)
    torch.testing.assert_close(on_white.rgb - on_black.rgb, (1 - on_white.alpha).expand(-1, 3, -1, -1))


def test_scene_without_views_and_views_of_two_sizes_are_refused() -> None:
    with pytest.raises(UserError, match="no normal views"):
        GaussianSplatting(runtime(), gaussians=10, iterations=1).fit(Scene("empty", []))
    views = list(scene(2).views)
    views[0] = replace(views[0], camera=replace(views[0].camera, width=WIDTH + 1))
    with pytest.raises(UserError, match=r"planted.*size"):
        GaussianSplatting(runtime(), gaussians=10, iterations=1).fit(Scene("planted", views))


def test_use_before_fit_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="before fit"):
        GaussianSplatting(runtime(), gaussians=10, iterations=1).render(Cameras.stack(rig(1, seed=0)))
