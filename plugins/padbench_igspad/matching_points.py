"""Matching Points Sampling (IGSPAD, section 3.2.3): only pixels near a match take part in the loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def matching_points_weights(
    points: Tensor,  # (M, 2) pixels
    radius: float,  # pixels
    height: int,
    width: int,
) -> Tensor:
    """The weighting map W of Eq. 4, (H, W) float32: 1 where a pixel's centre is within `radius` of a point, else 0.

    points: x, y; the centre of the top left pixel is at (0.5, 0.5). Points outside the image count with what of their
    disc lies inside.
    """
    weights = torch.zeros(height, width, device=points.device)
    reach = math.ceil(radius) + 1
    offset = torch.arange(-reach, reach + 1, device=points.device)
    offsets = torch.cartesian_prod(offset, offset)
    pixels = points.floor().long()[:, None] + offsets  # (M, K, 2)
    near = (pixels + 0.5 - points[:, None]).square().sum(-1) <= radius**2
    x, y = pixels.unbind(-1)
    kept = near & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    weights[y[kept], x[kept]] = 1.0
    return weights
