"""The loss of 3D Gaussian splatting: L1 and structural dissimilarity (Kerbl et al. 2023, Eq. 7)."""

from __future__ import annotations

import torch
from torch import Tensor

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
    Raises ValueError when the shapes differ.
    """
    if rendered.shape != target.shape or rendered.dim() != 4:
        raise ValueError(f"rendered and target must be (B, C, H, W) alike, not {rendered.shape} and {target.shape}")
    target = target.detach()
    difference = (rendered - target).abs().mean()
    return (1 - ssim_weight) * difference + ssim_weight * (1 - structural_similarity(rendered, target))


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
