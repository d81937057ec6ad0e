"""The silhouette of an object before a plain background."""

from __future__ import annotations

from torch import Tensor

from padbench_gaussians.silhouettes import coverage


def foreground(
    images: Tensor,  # (B, 3, H, W) in [0, 1]
    threshold: float,
) -> Tensor:
    """Where an image shows the object, (B, H, W) bool (PTAD, section 3.2: threshold segmentation).

    A pixel does where a channel differs from the background by more than `threshold`; on the rim of the object, where
    colours mix with the background, where half of it is covered (see `coverage`).
    """
    return coverage(images, threshold) > 0.5
