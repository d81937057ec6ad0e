"""Fewer normal views to fit on: the sparse-view setting of SplatPose (Kruse et al. 2024, Table 5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from padbench.scene import Scene


def subset_views(scene: Scene, share: float, seed: int) -> Scene:
    """The scene with a share, in (0, 1], of its views, in their order: at least one, all for 1.

    The seed decides which; of one seed a smaller share is a subset of a larger one.
    """
    count = max(1, round(share * len(scene.views)))
    if count >= len(scene.views):
        return scene
    chosen = np.random.default_rng(seed).permutation(len(scene.views))[:count]
    return replace(scene, views=[scene.views[index] for index in sorted(chosen)])
