"""The CUDA path: compared with the CPU on a CUDA device, and everywhere with a stand-in for gsplat's kernels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import backward

from gaussians.dense_reference import dense_rasterize
from gaussians.random_scenes import Splats, cameras_of, random_splats
from padbench.interfaces import Rendering
from padbench.scene import Cameras
from padbench_gaussians.gsplat_backend import rasterize_with_gsplat
from padbench_gaussians.rasterization import rasterize

BACKGROUND = torch.tensor([0.2, 0.5, 0.9])
OUTPUTS = ("rgb", "depth", "alpha")


def stand_in(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    packed: bool,
    backgrounds: Tensor,  # (C, 3)
    render_mode: str,
    rasterize_mode: str,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """`gsplat.rasterization` from gsplat's torch projection and a dense compositing, with the same three results."""
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

    assert not packed
    assert render_mode == "RGB+ED"
    covariances, _ = _quat_scale_to_covar_preci(quats, scales, compute_preci=False)
    radii, means2d, depths, conics, compensations = _fully_fused_projection(
        means, covariances, viewmats, Ks, width, height, calc_compensations=rasterize_mode == "antialiased"
    )
    centres = [torch.arange(size, dtype=means.dtype) + 0.5 for size in (width, height)]
    pixels = torch.stack(torch.meshgrid(*centres, indexing="xy"), dim=-1).reshape(-1, 2)
    images, alphas = [], []
    for camera in range(viewmats.shape[0]):
        seen = torch.nonzero((radii[camera] > 0).all(dim=-1)).squeeze(1)
        order = seen[torch.argsort(depths[camera, seen].detach(), stable=True)]
        u, v = (means2d[camera, order, None] - pixels).unbind(-1)
        a, b, c = conics[camera, order, None].unbind(-1)
        strength = opacities[order] if compensations is None else opacities[order] * compensations[camera, order]
        raw = strength[:, None] * torch.exp(-0.5 * (a * u * u + c * v * v) - b * u * v)
        alpha = torch.where(raw < 1 / 255, 0.0, raw.clamp(max=0.999))
        after = torch.cumprod(1 - alpha, dim=0)
        alive = after > 1e-4
        weights = torch.where(alive, alpha * torch.cat([torch.ones_like(after[:1]), after[:-1]]), 0.0)
        values = torch.cat([colors[order], depths[camera, order, None]], dim=1)
        remaining = torch.where(alive, 1 - alpha, 1.0).prod(dim=0)[:, None]
        image = weights.T @ values + remaining * torch.cat([backgrounds[camera], backgrounds.new_zeros(1)])
        image = torch.cat([image[:, :3], image[:, 3:] / (1 - remaining).clamp(min=1e-10)], dim=1)
        images.append(image.reshape(height, width, 4))
        alphas.append(1 - remaining.reshape(height, width, 1))
    return torch.stack(images), torch.stack(alphas), {"means2d": means2d, "depths": depths, "radii": radii}


@pytest.mark.parametrize("covariance_gradient", [True, False])
@pytest.mark.parametrize("antialiased", [False, True])
def test_images_and_gradients_with_a_stand_in_for_cuda(
    monkeypatch: pytest.MonkeyPatch, antialiased: bool, covariance_gradient: bool
) -> None:
    """Arguments, axes and the mean-only gradient; two backward passes through one graph must agree."""
    monkeypatch.setattr("gsplat.rasterization", stand_in)
    splats = random_splats(7, 200, cameras=2)
    ours, theirs = splats.leaves(torch.float64), splats.leaves(torch.float64)

    def cameras(of: Splats) -> Cameras:
        made = cameras_of(of)
        return Cameras(made.K.double(), made.world_to_camera, made.width, made.height)

    rendering = rasterize_with_gsplat(
        *ours.gaussians(), cameras(ours), BACKGROUND.double(), antialiased, covariance_gradient
    )
    reference = dense_rasterize(
        *theirs.gaussians(),
        cameras(theirs),
        BACKGROUND,
        antialiased=antialiased,
        covariance_gradient=covariance_gradient,
    )
    losses = []
    for result in (rendering, reference):
        generator = torch.Generator().manual_seed(0)
        parts = [
            (getattr(result, name) * torch.randn(getattr(reference, name).shape, generator=generator)).sum()
            for name in OUTPUTS
        ]
        losses.append(torch.stack(parts).sum())
    for name in OUTPUTS:
        torch.testing.assert_close(getattr(rendering, name), getattr(reference, name))
    for repetition in (1, 2):
        backward(losses[0], retain_graph=True)
        if repetition == 1:
            backward(losses[1])
        for name, leaf in ours.tensors().items():
            expected = repetition * getattr(theirs, name).grad
            torch.testing.assert_close(leaf.grad, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.cuda
@pytest.mark.parametrize("covariance_gradient", [True, False])
@pytest.mark.parametrize("antialiased", [False, True])
def test_cuda_is_the_cpu(antialiased: bool, covariance_gradient: bool) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    splats = random_splats(7, 2000, cameras=2, spread=0.9)
    results: list[tuple[Rendering, Splats]] = []
    for device in ("cpu", "cuda"):
        tensors = {name: tensor.to(device).requires_grad_() for name, tensor in splats.tensors().items()}
        leaves = Splats(**tensors)
        cameras = cameras_of(leaves, 150, 110)
        cameras = Cameras(cameras.K.to(device), leaves.world_to_camera, cameras.width, cameras.height)
        rendering = rasterize(
            *leaves.gaussians(),
            cameras,
            BACKGROUND.to(device),
            antialiased=antialiased,
            covariance_gradient=covariance_gradient,
        )
        generator = torch.Generator().manual_seed(0)
        parts = []
        for name in OUTPUTS:
            image = getattr(rendering, name)
            parts.append((image * torch.randn(image.shape, generator=generator).to(device)).sum())
        backward(torch.stack(parts).sum())
        results.append((rendering, leaves))
    (cpu, cpu_leaves), (cuda, cuda_leaves) = results
    for name in OUTPUTS:
        difference = (getattr(cpu, name) - getattr(cuda, name).cpu()).abs()
        # A few pixels have a Gaussian at a threshold, where float32 may decide either way.
        assert (difference > 1e-3).double().mean() < 1e-3, name
    for name, leaf in cpu_leaves.tensors().items():
        gradient, other = leaf.grad, getattr(cuda_leaves, name).grad
        assert gradient is not None
        assert (gradient - other.cpu()).norm() < 1e-2 * gradient.norm(), name
