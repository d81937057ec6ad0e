"""Less to fit on: fewer views (SplatPose, Kruse et al. 2024, Table 5), fewer training scenes (PTAD, Table 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from padbench.scene import Scene

Item = TypeVar("Item")


def subset_views(scene: Scene, share: float, seed: int) -> Scene:
    """The scene with a share, in (0, 1], of its views, in their order: at least one, all for 1.

    The seed decides which; of one seed a smaller share is a subset of a larger one.
    """
    return replace(scene, views=_subset(scene.views, share, seed))


def subset_scenes(scenes: Sequence[Scene], share: float, seed: int) -> Sequence[Scene]:
    """A share of the training scenes, chosen as `subset_views` chooses views."""
    return _subset(scenes, share, seed)


def _subset(items: Sequence[Item], share: float, seed: int) -> Sequence[Item]:
    count = max(1, round(share * len(items)))
    if count >= len(items):
        return items
    chosen = np.random.default_rng(seed).permutation(len(items))[:count]
    return [items[index] for index in sorted(chosen)]
