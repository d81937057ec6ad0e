"""The CPU rasterizer against the dense float64 reference and against gsplat's own projection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import backward

from gaussians.dense_reference import DenseRendering, dense_rasterize, rotation_matrices
from gaussians.random_scenes import Splats, cameras_of, random_splats
from padbench.interfaces import Rendering
from padbench.scene import Cameras
from padbench_gaussians.rasterization import rasterize

BACKGROUND = torch.tensor([0.2, 0.5, 0.9])
OUTPUTS = ("rgb", "depth", "alpha")


@pytest.fixture(autouse=True)
def _restore_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def render(splats: Splats, cameras: Cameras | None = None, **settings: Any) -> Rendering:
    return rasterize(*splats.gaussians(), cameras or cameras_of(splats), BACKGROUND, **settings)


def render_densely(splats: Splats, cameras: Cameras | None = None, **settings: Any) -> DenseRendering:
    return dense_rasterize(*splats.gaussians(), cameras or cameras_of(splats), BACKGROUND, **settings)


def loss_of(rendering: Rendering | DenseRendering, outputs: tuple[str, ...], usable: Tensor, seed: int = 3) -> Tensor:
    """A random weighted sum of the outputs over the usable pixels."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for name in outputs:
        image = getattr(rendering, name)
        parts.append((image * usable * torch.randn(image.shape, generator=generator)).sum())
    return torch.stack(parts).sum()


def assert_images_agree(rendering: Rendering, reference: DenseRendering) -> None:
    assert reference.ambiguous.double().mean() < 0.01
    for name in OUTPUTS:
        image, expected = getattr(rendering, name), getattr(reference, name)
        assert image.dtype == torch.float32
        assert image.shape == expected.shape
        difference = (image - expected).abs() * ~reference.ambiguous
        assert difference.max() < 1e-4, name


def gradient_of(leaf: Tensor) -> Tensor:
    """What arrived, zeros where autograd found no path."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def assert_gradients_agree(gradients: Splats, expected: Splats, tolerance: float = 1e-4) -> None:
    for name, leaf in gradients.tensors().items():
        gradient, reference = gradient_of(leaf), gradient_of(getattr(expected, name))
        error = (gradient - reference).abs().max() / reference.abs().max().clamp(min=1e-6)
        assert error < tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_image_is_the_dense_reference(seed: int, antialiased: bool) -> None:
    splats = random_splats(seed, 200, cameras=2)
    assert_images_agree(render(splats, antialiased=antialiased), render_densely(splats, antialiased=antialiased))


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("outputs", [("rgb",), ("depth",), ("alpha",), OUTPUTS])
def test_gradients_are_the_dense_reference(outputs: tuple[str, ...], antialiased: bool) -> None:
    splats = random_splats(11, 200, cameras=2)
    ours, theirs = splats.leaves(), splats.leaves(torch.float64)
    reference = render_densely(theirs, antialiased=antialiased)
    usable = ~reference.ambiguous
    backward(loss_of(render(ours, antialiased=antialiased), outputs, usable))
    backward(loss_of(reference, outputs, usable))
    assert_gradients_agree(ours, theirs)


@pytest.mark.parametrize("antialiased", [False, True])
def test_opaque_crowd_reaches_the_stop_and_the_clamp(antialiased: bool) -> None:
    """Pixels that end early, blocks and tiles that are done, alphas at 0.999; an image of several unequal tiles."""
    splats = random_splats(5, 400, spread=0.8)
    splats.opacities[:] = torch.where(torch.arange(400) % 3 == 0, 0.9999, 0.9 + 0.09 * splats.opacities)
    splats.scales[:] *= 1.5
    cameras = cameras_of(splats, 75, 70)
    reference = render_densely(splats, cameras, antialiased=antialiased)
    assert (reference.alpha > 0.9989).double().mean() > 0.3
    assert_images_agree(render(splats, cameras, antialiased=antialiased), reference)

    ours, theirs = splats.leaves(), splats.leaves(torch.float64)
    reference = render_densely(theirs, cameras_of(theirs, 75, 70), antialiased=antialiased)
    usable = ~reference.ambiguous
    backward(loss_of(render(ours, cameras_of(ours, 75, 70), antialiased=antialiased), OUTPUTS, usable))
    backward(loss_of(reference, OUTPUTS, usable))
    # Behind 1 - alpha = 0.001 float32 leaves fewer digits than elsewhere.
    assert_gradients_agree(ours, theirs, tolerance=2e-3)


@pytest.mark.parametrize("antialiased", [False, True])
def test_mean_only_translation_gradient(antialiased: bool) -> None:
    splats = random_splats(7, 200, cameras=2)
    ours, theirs, whole = splats.leaves(), splats.leaves(torch.float64), splats.leaves()
    reference = render_densely(theirs, antialiased=antialiased, covariance_gradient=False)
    usable = ~reference.ambiguous
    backward(loss_of(render(ours, antialiased=antialiased, covariance_gradient=False), OUTPUTS, usable))
    backward(loss_of(reference, OUTPUTS, usable))
    backward(loss_of(render(whole, antialiased=antialiased), OUTPUTS, usable))
    assert_gradients_agree(ours, theirs)
    mean_only, full = gradient_of(ours.world_to_camera), gradient_of(whole.world_to_camera)
    assert torch.equal(mean_only[:, :3, :3], full[:, :3, :3])
    assert (mean_only[:, :3, 3] - full[:, :3, 3]).abs().max() > 1e-2 * full[:, :3, 3].abs().max()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    number=st.integers(1, 60),
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    antialiased=st.booleans(),
)
def test_any_scene_is_the_dense_reference(seed: int, number: int, width: int, height: int, antialiased: bool) -> None:
    splats = random_splats(seed, number)
    ours, theirs = splats.leaves(), splats.leaves(torch.float64)
    rendering = render(ours, cameras_of(ours, width, height), antialiased=antialiased)
    reference = render_densely(theirs, cameras_of(theirs, width, height), antialiased=antialiased)
    usable = ~reference.ambiguous
    for name in OUTPUTS:
        difference = (getattr(rendering, name) - getattr(reference, name)).abs() * usable
        assert difference.max() < 1e-4, name
    backward(loss_of(rendering, ("rgb", "alpha"), usable))
    backward(loss_of(reference, ("rgb", "alpha"), usable))
    assert_gradients_agree(ours, theirs, tolerance=1e-2)


def test_projection_is_gsplats() -> None:
    """Of one camera at a time, against gsplat's torch implementation and its covariance from quaternion and scale."""
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

    from padbench_gaussians.kernels.projection import project
    from padbench_gaussians.kernels.records import (
        CURVE_XX,
        CURVE_XY,
        CURVE_YY,
        DEPTH,
        LOG2_OPACITY,
        MEAN_X,
        MEAN_Y,
        RECORD,
    )

    splats = random_splats(2, 500, cameras=1)
    width, height = 48, 40
    cameras = cameras_of(splats, width, height)
    covariances, _ = _quat_scale_to_covar_preci(splats.quats, splats.scales, compute_preci=False)
    axes = rotation_matrices(splats.quats) * splats.scales[:, None, :]
    torch.testing.assert_close(axes @ axes.mT, covariances)
    radii, means2d, depths, conics, compensations = _fully_fused_projection(
        splats.means, covariances, splats.world_to_camera, cameras.K, width, height, calc_compensations=True
    )

    number = splats.means.shape[0]
    record, bounds = np.zeros((number, RECORD), np.float32), np.zeros(number, np.uint64)
    tiles = np.zeros(number, np.int32)
    arrays = [tensor.contiguous().numpy() for tensor in (*splats.gaussians(), splats.world_to_camera[0], cameras.K[0])]
    kernel: Any = project
    kernel(np.zeros(1, np.int64), *arrays, width, height, True, record, record.view(np.uint64), bounds, tiles)
    seen = tiles > 0
    # What we leave out has no radius in gsplat, no pixel inside its box, or an opacity below 1/255.
    assert 100 < seen.sum() < number
    assert (radii[0].numpy()[seen] > 0).all()

    def compare(ours: Any, theirs: Tensor, tolerance: float = 1e-4) -> None:
        np.testing.assert_allclose(ours, theirs[0].numpy()[seen], rtol=tolerance, atol=tolerance)

    compare(record[seen][:, [MEAN_X, MEAN_Y]], means2d)
    compare(record[seen, DEPTH], depths)
    curves = record[seen][:, [CURVE_XX, CURVE_XY, CURVE_YY]] * np.array([-2.0, -1.0, -2.0]) / np.log2(np.e)
    # gsplat's torch version subtracts in the determinant: it has the fewer digits of the two.
    compare(curves, conics, 2e-3)
    compare(np.exp2(record[seen, LOG2_OPACITY]), compensations * splats.opacities, 2e-3)
    # A box of 4x4 blocks never reaches further than gsplat's radius does, but for the blocks' own size.
    centres, reach = means2d[0].numpy()[seen], radii[0].numpy()[seen]
    first_and_last = np.stack([bounds[seen] >> np.uint64(16 * k) & np.uint64(0xFFFF) for k in range(4)], axis=1)
    assert (first_and_last[:, [0, 2]] * 4 >= centres - reach - 4).all()
    assert (first_and_last[:, [1, 3]] * 4 <= centres + reach).all()


def test_batch_changes_nothing() -> None:
    splats = random_splats(1, 300, cameras=3)
    together = splats.leaves()
    rendering = render(together)
    weights = {name: torch.randn_like(getattr(rendering, name)) for name in OUTPUTS}
    backward(torch.stack([(getattr(rendering, name) * weights[name]).sum() for name in OUTPUTS]).sum())
    sums = {name: torch.zeros(()) for name in ("means", "quats", "scales", "opacities", "colors")}
    for index in range(3):
        alone = splats.select(slice(index, index + 1)).leaves()
        single = render(alone)
        for name in OUTPUTS:
            assert torch.equal(getattr(single, name), getattr(rendering, name)[index : index + 1])
        losses = [(getattr(single, name) * weights[name][index : index + 1]).sum() for name in OUTPUTS]
        backward(torch.stack(losses).sum())
        poses = gradient_of(together.world_to_camera)
        assert torch.equal(gradient_of(alone.world_to_camera), poses[index : index + 1])
        for name in sums:
            sums[name] = sums[name] + gradient_of(getattr(alone, name))
    for name, expected in sums.items():
        torch.testing.assert_close(gradient_of(getattr(together, name)), expected, rtol=1e-5, atol=1e-5)


def test_threads_and_repetition_change_no_bit() -> None:
    splats = random_splats(4, 3000, spread=0.9)
    results = []
    for threads in (1, 1, 2, 3):
        torch.set_num_threads(threads)
        leaves = splats.leaves()
        rendering = render(leaves, cameras_of(leaves, 150, 110))
        backward(loss_of(rendering, OUTPUTS, torch.ones(1, dtype=torch.bool)))
        gradients = [gradient_of(leaf) for leaf in leaves.tensors().values()]
        results.append([getattr(rendering, name).detach() for name in OUTPUTS] + gradients)
    for result in results[1:]:
        for tensor, first in zip(result, results[0], strict=True):
            assert torch.equal(tensor, first)


def test_gradient_of_a_few_pixels() -> None:
    """Most blocks have no gradient and are passed over."""
    splats = random_splats(8, 200)
    ours, theirs = splats.leaves(), splats.leaves(torch.float64)
    reference = render_densely(theirs)
    usable = torch.zeros(1, 1, 40, 48, dtype=torch.bool)
    usable[..., 11, 9], usable[..., 25:27, 30:34] = True, True
    usable &= ~reference.ambiguous
    backward(loss_of(render(ours), OUTPUTS, usable))
    backward(loss_of(reference, OUTPUTS, usable))
    assert_gradients_agree(ours, theirs)


@pytest.mark.parametrize("number", [0, 5])
def test_nothing_visible_is_background(number: int) -> None:
    splats = random_splats(0, number).leaves()
    with torch.no_grad():
        splats.means[:, 2] = -9
    rendering = render(splats)
    assert torch.equal(rendering.rgb, BACKGROUND[None, :, None, None].expand(1, 3, 40, 48))
    assert not rendering.alpha.any()
    assert not rendering.depth.any()
    backward(loss_of(rendering, OUTPUTS, torch.ones(1, dtype=torch.bool)))
    for leaf in splats.tensors().values():
        assert not gradient_of(leaf).any()


def test_not_a_number_is_left_out() -> None:
    splats = random_splats(3, 50)
    expected = render(splats)
    spoilt = Splats(
        **{
            name: tensor if name == "world_to_camera" else torch.cat([tensor, torch.full_like(tensor[:1], torch.nan)])
            for name, tensor in splats.tensors().items()
        }
    )
    for name in OUTPUTS:
        assert torch.equal(getattr(render(spoilt), name), getattr(expected, name))


def test_depth_of_a_lone_gaussian_is_its_distance() -> None:
    cameras = Cameras(torch.tensor([[[40.0, 0, 20], [0, 40, 20], [0, 0, 1]]]), torch.eye(4)[None], 40, 40)
    rendering = rasterize(
        torch.tensor([[0.0, 0, 5]]),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.full((1, 3), 0.3),
        torch.tensor([0.7]),
        torch.tensor([[1.0, 0.5, 0.0]]),
        cameras,
    )
    seen = rendering.alpha > 0
    assert seen.sum() > 50
    torch.testing.assert_close(rendering.depth[seen], torch.full_like(rendering.depth[seen], 5.0), rtol=1e-4, atol=0)
    centre = rendering.rgb[0, :, 19:21, 19:21]
    torch.testing.assert_close(centre[1], 0.5 * centre[0])
    assert not rendering.rgb[:, 2].any()


@pytest.mark.parametrize("dense", [True, False])
def test_strided_tensors_are_the_same(dense: bool) -> None:
    """Transposed memory, and slices of a wider tensor: the image and what flows back."""

    def strided(tensor: Tensor) -> Tensor:
        if dense and tensor.dim() > 1:
            return tensor.mT.clone(memory_format=torch.contiguous_format).mT
        return torch.stack([tensor, tensor], dim=-1)[..., 0]

    splats = random_splats(6, 100)
    ours = Splats(**{name: strided(tensor).requires_grad_() for name, tensor in splats.tensors().items()})
    assert not ours.means.is_contiguous()
    plain = splats.leaves()
    everywhere = torch.ones(1, dtype=torch.bool)
    renderings = render(ours), render(plain)
    assert torch.equal(renderings[0].rgb, renderings[1].rgb)
    backward(loss_of(renderings[0], OUTPUTS, everywhere))
    backward(loss_of(renderings[1], OUTPUTS, everywhere))
    for name, leaf in ours.tensors().items():
        assert torch.equal(gradient_of(leaf), gradient_of(getattr(plain, name))), name


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("quats", torch.ones(10, 3)),
        ("opacities", torch.ones(10, 1)),
        ("scales", torch.ones(10, 3, dtype=torch.float64)),
        ("colors", torch.ones(9, 3)),
    ],
)
def test_wrong_tensor_is_named(name: str, tensor: Tensor) -> None:
    splats = random_splats(0, 10)
    arguments = {**splats.tensors(), name: tensor}
    with pytest.raises(ValueError, match=f"^{name} must be float32 of shape"):
        render(Splats(**arguments))
