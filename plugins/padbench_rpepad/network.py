"""The Iterative Relative Pose Refinement Network (RPE-PAD, IRPRN; Figure 3, Eq. 5 and 6)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from padbench_rpepad.dynamic_convolution import DynamicConvolution
from padbench_rpepad.loss import RelativePoses


class RelativePoseNetwork(nn.Module):
    """Regresses the pose of a query relative to a gallery view from the top feature maps of both.

    backbone: gives the maps, with the same weights for both images. feature_shape: C, h, w of a map. layers: of
    refinement; 0 leaves the coarse pose. The pose feature is a map averaged over its channels, as the paper has it:
    h x w numbers, which are normalised (layer normalisation). The coarse heads see those of both images; the first
    refinement layer convolves the stacked maps of both, each further one the map before it. width: channels of the
    refined maps. hidden: of the heads, MLPs with one hidden layer. kernels: of each dynamic convolution. The sizes are
    not stated in the paper.
    """

    def __init__(
        self,
        backbone: nn.Module,
        feature_shape: tuple[int, int, int],
        layers: int,
        width: int,
        hidden: int,
        kernels: int,
    ) -> None:
        super().__init__()
        channels, height, map_width = feature_shape
        locations = height * map_width
        self.backbone = backbone
        self.coarse = PoseHeads(2 * locations, hidden)
        inputs = [2 * channels] + [width] * (layers - 1)
        self.convolutions = nn.ModuleList(
            DynamicConvolution(count, width, kernels=kernels) for count in inputs[:layers]
        )
        self.heads = nn.ModuleList(PoseHeads(locations, hidden) for _ in range(layers))
        self.register_buffer("identity", torch.tensor([1.0, 0.0, 0.0, 0.0]), persistent=False)
        self.identity: Tensor

    def forward(
        self,
        gallery: Tensor,  # (B, C, h, w) top feature maps of the gallery views
        query: Tensor,  # (B, C, h, w) top feature maps of the queries
    ) -> list[RelativePoses]:
        """The coarse pose and that after every layer, gallery to query; quaternions wxyz are not normalised."""
        quaternion, translation = self.coarse(torch.cat([_pose_feature(gallery), _pose_feature(query)], dim=1))
        poses = [(self.identity + quaternion, translation)]
        features = torch.cat([gallery, query], dim=1)
        for convolution, heads in zip(self.convolutions, self.heads, strict=True):
            features = torch.relu(convolution(features))
            turn, shift = heads(_pose_feature(features))
            poses.append((poses[-1][0] + turn, poses[-1][1] + shift))
        return poses


class PoseHeads(nn.Module):
    """The rotation and the translation head of one layer."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.rotation = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 4))
        self.translation = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, feature: Tensor) -> RelativePoses:  # feature: (B, inputs)
        """Quaternions (B, 4) and translations (B, 3), or offsets to them."""
        return cast(Tensor, self.rotation(feature)), cast(Tensor, self.translation(feature))


def _pose_feature(features: Tensor) -> Tensor:  # (B, C, h, w) -> (B, h * w)
    averaged = features.mean(dim=1).flatten(1)
    # A mean over many channels is small and much the same everywhere: what differs is what tells the pose.
    return nn.functional.layer_norm(averaged, averaged.shape[1:])
