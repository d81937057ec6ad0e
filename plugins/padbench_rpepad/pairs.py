"""The Multi-Pair Training Strategy: which images are paired, and the relative poses that pairs must give."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from padbench_rpepad.relative_pose import relative_pose


@dataclass(frozen=True)
class TrainingPairs:
    """For every source image its best matching training views, best first, and the poses relative to them.

    source, views: indices into the gallery. quaternion: wxyz. translation: in units of the scene's extent.
    """

    source: Tensor  # (N,)
    views: Tensor  # (N, K)
    quaternion: Tensor  # (N, K, 4)
    translation: Tensor  # (N, K, 3) extents


def training_pairs(
    counts: Tensor,  # (N, V) matches of every source image with every training view
    world_to_camera: Tensor,  # (V + novel, 4, 4) of the gallery, training views first
    top_views: int,
    extent: float,
) -> TrainingPairs:
    """Pair every source image with the `top_views` training views it shares most points with.

    The sources are the last N views of the gallery: the novel ones, or, where there are none, the training views
    themselves, which are then not paired with themselves. Of equal numbers the first view wins.
    """
    number, training = counts.shape
    source = torch.arange(len(world_to_camera) - number, len(world_to_camera), device=counts.device)
    itself = source[:, None] == torch.arange(training, device=counts.device)
    ranked = torch.argsort(counts.masked_fill(itself, -1), dim=1, descending=True, stable=True)
    views = ranked[:, : min(top_views, training - 1)]
    first = world_to_camera[views.flatten()].double()
    second = world_to_camera[source.repeat_interleave(views.shape[1])].double()
    quaternion, translation = relative_pose(first, second)
    shape = views.shape
    return TrainingPairs(
        source, views, quaternion.float().view(*shape, 4), (translation / extent).float().view(*shape, 3)
    )
