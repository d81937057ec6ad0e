"""The representation nerf: what it renders against an exact ball, storing, and trainings that fail."""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nerf import ball_scene
from padbench.errors import UserError
from padbench.interfaces import Rendering, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras, Scene
from padbench_nerf.representation import NeuralRadianceField

RUNTIME = Runtime(device="cpu", seed=4, progress=SilentProgress())
SMALL: dict[str, Any] = {
    "iterations": 250,
    "min_psnr": 14.0,
    "rays": 256,
    "samples": 16,
    "fine_samples": 12,
    "width": 16,
    "levels": 4,
    "max_resolution": 64,
    "log2_table_size": 12,
    "check_at": 1.0,
}
NOVEL = Cameras.stack([ball_scene.camera(20, 10), ball_scene.camera(110, -5, 3.6), ball_scene.camera(250, 50)])


def tensors(rendering: Rendering) -> tuple[Tensor, Tensor, Tensor]:
    return rendering.rgb, rendering.depth, rendering.alpha


def psnr(rendered: Tensor) -> float:
    true = np.stack([ball_scene.image(ball_scene.camera(*at)) for at in ((20, 10), (110, -5, 3.6), (250, 50))])
    return float(-10 * np.log10(((rendered.permute(0, 2, 3, 1).numpy() - true) ** 2).mean()))


@pytest.fixture(scope="module")
def trained() -> NeuralRadianceField:
    pytest.importorskip("nerfstudio")
    field = NeuralRadianceField(RUNTIME, **SMALL)
    field.fit(ball_scene.scene())
    return field


def test_novel_views_are_rendered_at_the_cameras_size(trained: NeuralRadianceField) -> None:
    rgb, depth, alpha = tensors(trained.render(NOVEL))
    assert rgb.shape == (3, 3, ball_scene.HEIGHT, ball_scene.WIDTH)
    assert depth.shape == alpha.shape == (3, 1, ball_scene.HEIGHT, ball_scene.WIDTH)
    assert all(tensor.dtype == torch.float32 and not tensor.requires_grad for tensor in (rgb, depth, alpha))
    assert psnr(rgb) > 18
    assert psnr(torch.ones_like(rgb)) < 14


def test_a_batch_renders_as_its_views_alone(trained: NeuralRadianceField) -> None:
    together = tensors(trained.render(NOVEL))
    alone = zip(*(tensors(trained.render(NOVEL[i : i + 1])) for i in range(3)), strict=True)
    for batch, single in zip(together, alone, strict=True):
        assert torch.equal(batch, torch.cat(single))


def test_load_restores_what_save_wrote(trained: NeuralRadianceField, tmp_path: Path) -> None:
    trained.save(tmp_path)
    loaded = NeuralRadianceField(RUNTIME, **SMALL)
    loaded.load(tmp_path)
    for before, after in zip(tensors(trained.render(NOVEL)), tensors(loaded.render(NOVEL)), strict=True):
        assert torch.equal(before, after)
    assert loaded.history == trained.history
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    assert (again / "nerf.safetensors").read_bytes() == (tmp_path / "nerf.safetensors").read_bytes()


def test_a_damaged_or_foreign_file_is_refused(trained: NeuralRadianceField, tmp_path: Path) -> None:
    trained.save(tmp_path)
    with pytest.raises(UserError, match="--overwrite"):
        NeuralRadianceField(RUNTIME, **{**SMALL, "width": 32}).load(tmp_path)
    (tmp_path / "nerf.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match=r"cannot be read.*--overwrite"):
        NeuralRadianceField(RUNTIME, **SMALL).load(tmp_path)


@pytest.mark.parametrize("field", ["hash-grid", "vanilla"])
def test_the_seed_decides_and_the_global_generator_is_left_alone(field: Any) -> None:
    pytest.importorskip("nerfstudio")

    def render(seed: int) -> Tensor:
        torch.manual_seed(99 + seed)
        before = torch.get_rng_state()
        parameters = {**SMALL, "iterations": 3, "min_psnr": -100.0, "field": field}
        trained = NeuralRadianceField(Runtime("cpu", seed, SilentProgress()), **parameters)
        trained.fit(ball_scene.scene())
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(seed)  # rendering does not depend on it either
        return trained.render(NOVEL[:1]).rgb

    first = render(0)
    torch.manual_seed(5)
    assert torch.equal(render(0), first)
    assert not torch.equal(render(1), first)


@pytest.mark.parametrize("field", ["hash-grid", "vanilla"])
def test_depth_is_z_and_alpha_covers_the_ball(field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the densities of an exact ball in place of the networks, all images are known."""
    pytest.importorskip("nerfstudio")
    from nerfstudio.field_components.field_heads import FieldHeadNames
    from nerfstudio.fields.density_fields import HashMLPDensityField
    from nerfstudio.fields.vanilla_nerf_field import NeRFField

    from padbench_nerf.fields import _ColourField

    parameters = {**SMALL, "iterations": 1, "min_psnr": -100.0, "samples": 96, "fine_samples": 96, "field": field}
    representation = NeuralRadianceField(RUNTIME, **parameters)
    representation.fit(ball_scene.scene())
    radius = ball_scene.RADIUS / (4 * np.sin(np.arctan(13 / 50)))  # of the ball in the unit the networks see

    def density(self: Any, samples: Any) -> tuple[Tensor, Tensor]:
        inside = samples.frustums.get_positions().norm(dim=-1, keepdim=True) < radius
        return 400.0 * inside, torch.zeros(*inside.shape[:-1], 15)

    def outputs(self: Any, samples: Any, density_embedding: Tensor) -> dict[Any, Tensor]:
        colour = torch.tensor([1.0, 0.25, 0.0])
        return {FieldHeadNames.RGB: colour.expand(*density_embedding.shape[:-1], 3)}

    for owner in (HashMLPDensityField, _ColourField, NeRFField):
        monkeypatch.setattr(owner, "get_density", density)
        monkeypatch.setattr(owner, "get_outputs", outputs)
    camera = ball_scene.camera(40, 25, 1.7)
    rgb, depth, alpha = (tensor[0].numpy() for tensor in tensors(representation.render(Cameras.stack([camera]))))
    hit, z, points = ball_scene.hits(camera)
    distance = np.linalg.norm(points - camera.centre, axis=-1)
    assert np.abs(distance - z)[hit].max() > 0.08  # the test can tell z from the distance along the ray
    agrees = (alpha[0] > 0.5) == hit
    assert agrees.mean() > 0.99
    sure = hit & (alpha[0] > 0.99)
    assert sure.sum() > 0.9 * hit.sum()
    assert np.abs(depth[0] - z)[sure].max() < 0.03
    np.testing.assert_allclose(rgb[:, sure].T, np.tile([1.0, 0.25, 0.0], (sure.sum(), 1)), atol=0.01)
    np.testing.assert_allclose(rgb[:, ~hit & agrees].min(), 1.0, atol=0.3)
    np.testing.assert_allclose(np.median(rgb[:, ~hit]), 1.0, atol=1e-3)


def test_a_failed_training_is_retried_with_the_next_seed_and_recorded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    pytest.importorskip("nerfstudio")
    from padbench_nerf import fields

    sound = fields.HashGridNeRF.loss

    def collapses_with_seed_4(self: Any, *arguments: Tensor) -> Tensor:
        return sound(self, *arguments) * (0.0 if torch.initial_seed() == 4 else 1.0)

    monkeypatch.setattr(fields.HashGridNeRF, "loss", collapses_with_seed_4)
    field = NeuralRadianceField(RUNTIME, **{**SMALL, "check_at": 0.2, "min_psnr": 12.0})
    with caplog.at_level(logging.WARNING):
        field.fit(ball_scene.scene())
    assert [(attempt["seed"], attempt["passed"]) for attempt in field.history] == [(4, False), (5, True)]
    assert field.history[0]["psnr"] < 12 <= field.history[1]["psnr"]
    assert [attempt["iterations"] for attempt in field.history] == [50, 250]
    assert "seed 4 failed" in caplog.text
    assert psnr(field.render(NOVEL).rgb) > 17
    field.save(tmp_path)
    assert '"passed": false' in (tmp_path / "training.json").read_text()


def test_a_training_that_fails_early_is_not_taken_to_its_end_and_all_failures_are_an_error() -> None:
    pytest.importorskip("nerfstudio")
    field = NeuralRadianceField(RUNTIME, **{**SMALL, "iterations": 50, "check_at": 0.1, "min_psnr": 60.0, "retries": 1})
    with pytest.raises(UserError, match=r"all 2 trainings of nerf on ball failed: \d+\.\d, \d+\.\d dB.*60\.0"):
        field.fit(ball_scene.scene())
    assert [attempt["iterations"] for attempt in field.history] == [5, 5]


def test_a_background_that_covers_the_images_is_learnt(tmp_path: Path) -> None:
    """A room whose colour depends on the direction: white would be wrong everywhere."""
    pytest.importorskip("nerfstudio")
    scene = ball_scene.scene()

    def with_room(view: Any) -> Any:
        picture = ball_scene.image(view.camera)
        hit, _, _ = ball_scene.hits(view.camera)
        y, x = np.mgrid[: ball_scene.HEIGHT, : ball_scene.WIDTH] + 0.5
        rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(view.camera.K).T
        world = rays @ view.camera.world_to_camera[:3, :3]
        world /= np.linalg.norm(world, axis=-1, keepdims=True)
        return np.where(hit[..., None], picture, 0.5 + 0.4 * world).astype(np.float32)

    views = [type(view)(view.name, view.camera, partial(with_room, view)) for view in scene.views]
    field = NeuralRadianceField(RUNTIME, **SMALL)
    field.fit(Scene("room", views))
    rendered, image = field.render(Cameras.stack([views[0].camera])).rgb[0], views[0].image()
    field.save(tmp_path)
    loaded = NeuralRadianceField(RUNTIME, **SMALL)
    loaded.load(tmp_path)
    assert torch.equal(loaded.render(Cameras.stack([views[0].camera])).rgb[0], rendered)
    room = ~torch.from_numpy(ball_scene.hits(views[0].camera)[0])
    error = (rendered - image).square()
    assert float(error[:, room].mean()) < 0.2 * float(image[:, room].var())
    assert float(error.mean()) < 0.5 * float(image.var())


def test_a_scene_without_views_or_with_views_of_two_sizes_is_refused() -> None:
    pytest.importorskip("nerfstudio")
    field = NeuralRadianceField(RUNTIME, **SMALL)
    with pytest.raises(UserError, match="no normal views"):
        field.fit(Scene("empty", []))
    views = list(ball_scene.scene().views)
    other = type(views[0].camera)(views[0].camera.K, views[0].camera.world_to_camera, 41, 28)
    with pytest.raises(UserError, match="share one image size"):
        field.fit(Scene("two", [views[0], type(views[0])("other", other, views[0].load)]))


@pytest.mark.parametrize(
    ("parameter", "value"), [("iterations", 0), ("rays", 0), ("retries", -1), ("radius", 0.0), ("learning_rate", -1.0)]
)
def test_senseless_numbers_are_refused(parameter: str, value: float) -> None:
    with pytest.raises(UserError, match=parameter):
        NeuralRadianceField(RUNTIME, **{**SMALL, parameter: value})


def test_a_missing_nerfstudio_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "padbench_nerf.fields", raising=False)
    monkeypatch.setitem(sys.modules, "nerfstudio", None)
    for name in [name for name in sys.modules if name.startswith("nerfstudio.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"nerfstudio.*pip install --no-deps -r requirements-nerf.txt") as error:
        NeuralRadianceField(RUNTIME)
    assert "\n" not in str(error.value)


def test_listing_and_resolving_import_neither_nerfstudio_nor_for_listing_torch() -> None:
    code = (
        "import sys; from padbench.plugins import load_plugins; plugins = load_plugins();"
        "plugins.find('representation', 'nerf'); assert 'torch' not in sys.modules;"
        "plugins.resolve('representation', 'nerf'); assert 'nerfstudio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
