"""Multi-Pair Training: the views with most matches are taken, and the poses of the pairs are theirs."""

from __future__ import annotations

import numpy as np
import torch

from gaussians.planted_scene import cameras_around
from padbench.scene import Cameras
from padbench_rpepad.pairs import training_pairs
from padbench_rpepad.relative_pose import compose
from padbench_rpepad.rvss import novel_cameras

CAMERAS = Cameras.stack([view.camera for view in cameras_around().views[:5]])


def test_the_best_matching_training_views_come_first() -> None:
    novel = novel_cameras(CAMERAS, 1, 0.05, 0.1, 0)
    motion = torch.cat([CAMERAS.world_to_camera, novel.world_to_camera])
    counts = torch.tensor([[3, 9, 1, 7, 0], [5, 5, 2, 8, 5], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5], [9, 8, 7, 6, 5]])
    pairs = training_pairs(counts, motion, top_views=3, extent=2.0)
    assert pairs.source.tolist() == [5, 6, 7, 8, 9]
    assert pairs.views.tolist() == [[1, 3, 0], [3, 0, 1], [0, 1, 2], [4, 3, 2], [0, 1, 2]]
    for n in range(5):
        for k in range(3):
            first = motion[pairs.views[n, k]][None]
            there = compose(first, pairs.quaternion[n, k][None], 2.0 * pairs.translation[n, k][None])
            np.testing.assert_allclose(there[0].numpy(), motion[pairs.source[n]].numpy(), atol=1e-5)


def test_without_novel_views_the_training_views_are_paired_with_others() -> None:
    counts = 10 * torch.eye(5, dtype=torch.int64) + torch.arange(5)
    pairs = training_pairs(counts, CAMERAS.world_to_camera, top_views=2, extent=1.0)
    assert pairs.source.tolist() == [0, 1, 2, 3, 4]
    assert pairs.views.tolist() == [[4, 3], [4, 3], [4, 3], [4, 2], [3, 2]]


def test_there_are_at_most_as_many_pairs_as_other_views() -> None:
    pairs = training_pairs(torch.ones(5, 5), CAMERAS.world_to_camera, top_views=9, extent=1.0)
    assert pairs.views.shape == (5, 4)
    assert all(n not in row for n, row in enumerate(pairs.views.tolist()))
