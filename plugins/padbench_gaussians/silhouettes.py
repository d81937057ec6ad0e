"""How much of every pixel an object before a plain background covers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

_BORDER = 3


def coverage(
    images: Tensor,  # (B, 3, H, W) in [0, 1]
    threshold: float,
) -> Tensor:
    """The share of each pixel that the object covers, (B, H, W) float32 in [0, 1].

    The background is the median colour of the image's border, 3 px wide. A pixel belongs to the object where a channel
    differs by more than `threshold`. Those of them that touch the background are mixtures: they are covered by their
    difference as a share of the largest one among the 8 pixels around them.
    """
    background = border_colour(images)
    difference = (images - background[:, :, None, None]).abs().amax(dim=1, keepdim=True)
    different = difference > threshold
    rim = different & (max_pool2d((~different).float(), 3, stride=1, padding=1) > 0)
    mixed = difference / max_pool2d(difference, 3, stride=1, padding=1).clamp_min(1e-6)
    return torch.where(rim, mixed, different.float())[:, 0]


def border_colour(images: Tensor) -> Tensor:  # (B, 3, H, W)
    """The median colour of the outermost pixels of each image, (B, 3)."""
    edges = [images[..., :_BORDER, :], images[..., -_BORDER:, :]]
    sides = [images[..., :_BORDER], images[..., -_BORDER:]]
    outermost = torch.cat([part.flatten(2) for part in (*edges, *sides)], dim=2)
    colour: Tensor = outermost.median(dim=2).values
    return colour
