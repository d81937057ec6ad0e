"""The fused loss against a float64 autograd oracle of its own, and torch's path against the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import backward

from padbench_gaussians.photometric_loss import photometric_loss


def oracle(rendered: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
    """L1 + D-SSIM from one 11x11 kernel and convolutions in float64."""
    offsets = torch.arange(11, dtype=torch.float64) - 5
    profile = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = torch.outer(profile, profile) / profile.sum() ** 2

    def blur(images: Tensor) -> Tensor:
        flat = images.reshape(-1, 1, *images.shape[-2:])
        return torch.nn.functional.conv2d(flat, window[None, None], padding=5)

    x, y = rendered.double(), target.double()
    mean_x, mean_y = blur(x), blur(y)
    variances = blur(x**2) - mean_x**2 + blur(y**2) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    structure = (2 * covariance + 9e-4) / (variances + 9e-4)
    return (1 - ssim_weight) * (x - y).abs().mean() + ssim_weight * (1 - (luminance * structure).mean())


def image_pair(seed: int, *shape: int, margin: bool = True) -> tuple[Tensor, Tensor]:
    """Smooth images and noisy versions, if wanted with a margin where both are white, as around a rendered object."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=generator)
    target = torch.nn.functional.avg_pool2d(target, 3, stride=1, padding=1)
    rendered = (target + 0.1 * torch.randn(shape, generator=generator)).clamp(0, 1)
    if margin:
        target[..., : shape[-1] // 4] = 1
        rendered[..., : shape[-1] // 5] = 1
    return rendered, target


def assert_agrees(rendered: Tensor, target: Tensor, tolerance: float, ssim_weight: float = 0.2) -> None:
    ours, theirs = rendered.clone().requires_grad_(), rendered.double().requires_grad_()
    loss, expected = photometric_loss(ours, target, ssim_weight), oracle(theirs, target, ssim_weight)
    assert loss.shape == ()
    assert abs(loss.item() - expected.item()) < 1e-6
    # The loss is a part of a sum in training: what comes from above must reach the images.
    backward(3 * loss)
    backward(3 * expected)
    assert ours.grad is not None
    assert theirs.grad is not None
    assert (ours.grad - theirs.grad).abs().max() < tolerance * theirs.grad.abs().max()


@pytest.mark.parametrize("shape", [(1, 3, 40, 48), (2, 3, 70, 133), (1, 1, 210, 119), (1, 3, 7, 5)])
def test_fused_loss_and_gradient(shape: tuple[int, ...]) -> None:
    assert_agrees(*image_pair(0, *shape, margin=False), tolerance=2e-6)
    # At the rim of a flat area the variances cancel: torch's own convolutions in float32 are 1.6e-5 off.
    assert_agrees(*image_pair(0, *shape), tolerance=3e-5)


@given(
    seed=st.integers(0, 2**20),
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    ssim_weight=st.floats(0, 1),
)
def test_any_size_and_weight(seed: int, height: int, width: int, ssim_weight: float) -> None:
    rendered, target = image_pair(seed, 1, 1, height, width)
    ours, theirs = rendered.clone().requires_grad_(), rendered.double().requires_grad_()
    loss, expected = photometric_loss(ours, target, ssim_weight), oracle(theirs, target, ssim_weight)
    # The SSIM of a single flat pixel has about this noise in float32; it averages out in larger images.
    assert abs(loss.item() - expected.item()) < 1e-4
    backward(loss)
    backward(expected)
    assert ours.grad is not None
    assert theirs.grad is not None
    # Where the images agree the exact gradient vanishes, so the scale of a pixel's share joins the bound.
    scale = theirs.grad.abs().max() + 1 / rendered.numel()
    assert (ours.grad - theirs.grad).abs().max() < 3e-4 * scale


def test_torch_path_is_the_same_loss() -> None:
    """Float64 images take the path of other devices."""
    rendered, target = image_pair(1, 2, 3, 40, 33)
    ours, theirs = rendered.double().requires_grad_(), rendered.double().requires_grad_()
    loss, expected = photometric_loss(ours, target.double()), oracle(theirs, target, 0.2)
    backward(loss)
    backward(expected)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_equal_images_have_no_loss() -> None:
    rendered, _ = image_pair(2, 1, 3, 40, 40)
    assert photometric_loss(rendered, rendered.clone()).item() == pytest.approx(0, abs=1e-6)


def test_threads_and_gradient_change_no_bit() -> None:
    rendered, target = image_pair(3, 2, 3, 150, 140)
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        leaf = rendered.clone().requires_grad_()
        loss = photometric_loss(leaf, target)
        backward(loss)
        results.append((loss.detach(), leaf.grad, photometric_loss(rendered, target)))
    torch.set_num_threads(threads)
    for loss, gradient, plain in results:
        assert torch.equal(loss, results[0][0])
        assert torch.equal(plain, results[0][0])
        assert gradient is not None
        assert results[0][1] is not None
        assert torch.equal(gradient, results[0][1])


def test_batch_is_the_mean_of_its_images() -> None:
    rendered, target = image_pair(4, 3, 3, 50, 60)
    alone = [photometric_loss(rendered[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(photometric_loss(rendered, target), torch.stack(alone).mean())


def test_unlike_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        photometric_loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
