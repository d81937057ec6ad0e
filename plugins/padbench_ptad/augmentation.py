"""Variations of an example that change nothing of its label: mirrored, moved, other colours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

_SHIFT = 0.08
_SCALE = 0.1
_BRIGHTNESS = 0.3


def augmented(
    images: Tensor,  # (B, 3, H, W) in [0, 1]
    references: Tensor,  # (B, V, H, W) in [0, 1]
    boxes: Tensor,  # (B, 4) centre x, centre y, width, height as shares; NaN where unknown
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror half of the examples, move and scale all of them, image and reference alike, and vary the image's colours.

    What comes in at an edge continues the edge, which is background.
    """
    number = len(images)

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(number, *shape, generator=generator) - 1

    mirror = 1 - 2 * (torch.rand(number, generator=generator) < 0.5).float()
    scale = 1 + _SCALE * uniform()
    shift = 2 * _SHIFT * uniform(2)
    # From the place in the new image to that in the old one, in the coordinates of grid_sample, [-1, 1].
    matrix = torch.zeros(number, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = mirror * scale, scale, shift
    grid = affine_grid(matrix, [number, 1, *images.shape[2:]], align_corners=False)
    both = grid_sample(torch.cat([images, references], 1), grid, padding_mode="border", align_corners=False)
    gain = 1 + _BRIGHTNESS * uniform(3, 1, 1)
    # Dark and light alike: the white of the background would else be the only colour that never changes.
    coloured = (both[:, :3] * gain).clamp(0, 1)
    centre = ((2 * boxes[:, :2] - 1) - shift) / torch.stack([mirror * scale, scale], 1)
    moved = torch.cat([(centre + 1) / 2, boxes[:, 2:] / scale[:, None]], 1)
    return coloured, both[:, 3:], moved
