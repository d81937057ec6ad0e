"""The feature pyramid and the two heads of PTAD's detection network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

_GRID, _GRID_CHANNELS = 8, 32


class Pyramid(nn.Module):
    """A feature pyramid (Lin et al. 2017): maps of four levels to maps of equal depth, each told of the coarser ones.

    channels: of the maps of each level, finest first. width: of all maps it gives.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList([nn.Conv2d(count, width, 1) for count in channels])
        self.smooth = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
                for _ in channels
            ]
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:  # (B, C, h, w), finest first
        """Maps of the same sizes, (B, width, h, w), finest first."""
        merged: list[Tensor] = []
        for features, lateral in zip(reversed(maps), reversed(self.lateral), strict=True):
            own = lateral(features)
            merged.append(own + interpolate(merged[-1], own.shape[-2:]) if merged else own)
        return [smooth(features) for smooth, features in zip(self.smooth, reversed(merged), strict=True)]


class Heads(nn.Module):
    """What the pyramid's maps say of an image: one logit from their means and peaks, one box from where they are high.

    width: of the maps. levels: how many. hidden: of the perceptrons: two layers for the logit, four for the box.
    """

    def __init__(self, width: int, levels: int, hidden: int) -> None:
        super().__init__()
        self.logit = nn.Sequential(nn.Linear(2 * levels * width, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.grid = nn.Conv2d(width, _GRID_CHANNELS, 1)
        sizes = (_GRID_CHANNELS * _GRID**2, 2 * hidden, hidden, hidden // 2)
        layers = [[nn.Linear(a, b), nn.ReLU()] for a, b in pairwise(sizes)]
        self.box = nn.Sequential(*[layer for pair in layers for layer in pair], nn.Linear(hidden // 2, 4))

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:  # (B, width, h, w), finest first
        """Logits, (B,), and boxes, (B, 4): centre x, centre y, width, height as shares of the image."""
        pooled = [pool for features in maps for pool in (features.mean((2, 3)), features.amax((2, 3)))]
        size = maps[0].shape[-2:]
        merged = torch.stack([interpolate(features, size) for features in maps]).mean(0)
        grid = adaptive_avg_pool2d(self.grid(merged), _GRID)
        return self.logit(torch.cat(pooled, 1)).squeeze(1), self.box(grid.flatten(1)).sigmoid()
