"""The losses of RPE-PAD: automatic weighting of rotation and translation, coarse and refined poses, several pairs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

RelativePoses = tuple[Tensor, Tensor]
"""Quaternions (B, 4), as they leave the network without normalisation, and translations (B, 3)."""


class RelativePoseLoss(nn.Module):
    """Eq. 3, 4 and 7, with the learned weights s_t and s_q, both 0 at first; they are shared by all layers."""

    def __init__(self) -> None:
        super().__init__()
        self.s_t = nn.Parameter(torch.zeros(()))
        self.s_q = nn.Parameter(torch.zeros(()))

    def forward(self, estimates: Sequence[RelativePoses], truth: RelativePoses) -> Tensor:
        """The loss L_N of every pair, (B,); estimates: the coarse one and that of every refinement layer."""
        return torch.stack([self._pose_loss(estimate, truth) for estimate in estimates]).sum(dim=0)

    def _pose_loss(self, estimate: RelativePoses, truth: RelativePoses) -> Tensor:
        l_q = torch.linalg.vector_norm(estimate[0] - truth[0], dim=1)
        l_t = torch.linalg.vector_norm(estimate[1] - truth[1], dim=1)
        loss: Tensor = l_t * torch.exp(-self.s_t) + self.s_t + l_q * torch.exp(-self.s_q) + self.s_q
        return loss


def pair_weights(count: int) -> Tensor:
    """The weights of an image's `count` pairs, best match first, (count,); they sum to 1 (Eq. 8)."""
    place = torch.arange(1, count + 1)
    return 2 * (count + 1 - place) / (count * (count + 1))
