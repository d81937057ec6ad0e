"""The loss of 3D Gaussian splatting: L1 and structural dissimilarity (Kerbl et al. 2023, Eq. 7)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from padbench_gaussians.kernels.dissimilarity import compare, tile_count
from padbench_gaussians.kernels.scheduling import run

WINDOW = 11
SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2


def photometric_loss(
    rendered: Tensor,  # (B, 3, H, W)
    target: Tensor,  # (B, 3, H, W)
    ssim_weight: float = 0.2,
) -> Tensor:  # ()
    """(1 - ssim_weight) L1 + ssim_weight (1 - SSIM), averaged over pixels and channels.

    SSIM has an 11x11 Gaussian window of 1.5 px and zero padding, as the 3DGS code. Gradients flow to `rendered` only.
    On the CPU float32 images take fused kernels, everything else torch's convolutions.
    Raises ValueError when the shapes differ.
    """
    if rendered.shape != target.shape or rendered.dim() != 4:
        raise ValueError(f"rendered and target must be (B, C, H, W) alike, not {rendered.shape} and {target.shape}")
    target = target.detach()
    if rendered.device.type == "cpu" and rendered.dtype == target.dtype == torch.float32:
        loss: Tensor = _FusedLoss.apply(rendered, target, ssim_weight)  # type: ignore[no-untyped-call]
        return loss
    difference = (rendered - target).abs().mean()
    return (1 - ssim_weight) * difference + ssim_weight * (1 - structural_similarity(rendered, target))


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rendered: Tensor, target: Tensor, ssim_weight: float) -> Tensor:  # type: ignore[override]
        *batch, height, width = rendered.shape
        planes = math.prod(batch)
        number = rendered.numel()
        tiles = tile_count(planes, height, width)
        threads = min(torch.get_num_threads(), tiles)
        wanted = ctx.needs_input_grad[0]
        first = rendered.detach().contiguous().reshape(-1).numpy()
        second = target.contiguous().reshape(-1).numpy()
        gradient = torch.empty(rendered.shape if wanted else 0)
        factors = np.float32((1 - ssim_weight) / number), np.float32(-ssim_weight / number)
        sums = np.empty((tiles, 2))
        run(compare, threads, first, second, planes, height, width, *factors, gradient.view(-1).numpy(), sums)
        ctx.save_for_backward(gradient)
        difference, similarity = sums.sum(axis=0) / number
        return rendered.new_tensor((1 - ssim_weight) * difference + ssim_weight * (1 - similarity))

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:  # (B, C, H, W) each -> ()
    """Mean SSIM of two batches of images, by torch's convolutions."""
    mean_1, mean_2 = _blur(first), _blur(second)
    variance_1 = _blur(first * first) - mean_1 * mean_1
    variance_2 = _blur(second * second) - mean_2 * mean_2
    covariance = _blur(first * second) - mean_1 * mean_2
    numerator = (2 * mean_1 * mean_2 + C1) * (2 * covariance + C2)
    denominator = (mean_1 * mean_1 + mean_2 * mean_2 + C1) * (variance_1 + variance_2 + C2)
    return (numerator / denominator).mean()


def _blur(images: Tensor) -> Tensor:
    channels = images.shape[1]
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    window = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    window = (window / window.sum()).expand(channels, 1, WINDOW)
    convolve = torch.nn.functional.conv2d
    images = convolve(images, window[:, :, None, :], padding=(0, WINDOW // 2), groups=channels)
    return convolve(images, window[:, :, :, None], padding=(WINDOW // 2, 0), groups=channels)
