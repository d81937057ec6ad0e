"""Gaussian smoothing of maps."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def gaussian_blur(maps: Tensor, sigma: float) -> Tensor:  # maps: (B, H, W)
    """Smooth with a Gaussian of sigma px, cut at 4 sigma, edges replicated; sigma 0 changes nothing."""
    if sigma == 0:
        return maps
    radius = math.ceil(4 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = pad(maps[:, None], (radius, radius, radius, radius), mode="replicate")
    return conv2d(conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None, :])[:, 0]
