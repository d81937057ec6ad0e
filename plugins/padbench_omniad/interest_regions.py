"""Interest-region sampling of iNeRF (Yen-Chen et al. 2021, section III-B): the pixels around key points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def interest_region(
    points: Tensor,  # (M, 2) pixels
    kernel_size: int,
    dilations: int,
    height: int,
    width: int,
) -> Tensor:
    """The pixels of the dilated key points, (P, 2) x, y at their centres, row by row; all pixels without key points.

    points: x, y; the centre of the top left pixel is at (0.5, 0.5). The mask of the pixels that hold a key point is
    dilated `dilations` times by a square of `kernel_size` (odd) pixels.
    """
    mask = torch.zeros(1, 1, height, width, device=points.device)
    x, y = points.floor().long().unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    mask[0, 0, y[inside], x[inside]] = 1.0
    for _ in range(dilations):
        mask = max_pool2d(mask, kernel_size, stride=1, padding=kernel_size // 2)
    if not inside.any():
        mask.fill_(1.0)
    return mask[0, 0].nonzero().flip(-1) + 0.5


def draw_pixels(region: Tensor, count: int, generator: torch.Generator) -> Tensor:  # (P, 2)
    """Draw `count` pixels of a region in random order, (count, 2); each once before any is drawn again.

    generator: a CPU generator.
    """
    order = torch.randperm(len(region), generator=generator)
    return region[order.repeat(-(-count // len(order)))[:count].to(region.device)]
