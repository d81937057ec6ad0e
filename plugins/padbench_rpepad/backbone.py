"""The pretrained networks that RPE-PAD takes its features from, cut into stages."""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from padbench.errors import UserError
from padbench.weights import WeightFile, load
from padbench_features.backbones import timm_efficientnet_names
from padbench_features.weights import WEIGHTS as FEATURE_WEIGHTS
from padbench_rpepad.weights import WEIGHTS

BackboneName = Literal["resnet50", "efficientnet_lite0"]


class Backbone(nn.Module):
    """A network's first `stages` stages, the first `frozen_stages` of which stay as they were pretrained.

    ResNet-50 has 5 (stride 2 to 32; the stem's pooling begins the second), EfficientNet-Lite0 has 8 (its stem and seven
    blocks). Raises UserError for other numbers of stages and for missing or wrong weights.
    """

    def __init__(self, name: BackboneName, stages: int, frozen_stages: int) -> None:
        super().__init__()
        parts, self._mean, self._std = _pretrained(name)
        if not 0 <= frozen_stages <= stages <= len(parts) or stages == 0:
            raise UserError(
                f"irprn: {name} has {len(parts)} stages: stages must be 1 to {len(parts)} and frozen_stages at most "
                f"that, not {stages} and {frozen_stages}"
            )
        self.frozen = nn.Sequential(*parts[:frozen_stages]).eval().requires_grad_(False)
        self.trained = nn.Sequential(*parts[frozen_stages:stages])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on the CPU

    def train(self, mode: bool = True) -> Backbone:
        """Set the mode; what is frozen keeps its statistics."""
        super().train(mode)
        self.frozen.eval()
        return self

    @torch.no_grad()
    def prepare(self, images: Tensor) -> Tensor:  # images: (B, 3, h, w) in [0, 1]
        """What the frozen stages make of the images: the input of `forward`, computed once per image."""
        mean, std = (images.new_tensor(value)[:, None, None] for value in (self._mean, self._std))
        prepared: Tensor = self.frozen(((images - mean) / std).contiguous(memory_format=torch.channels_last))
        return prepared

    def forward(self, prepared: Tensor) -> Tensor:
        """The top feature maps of prepared images, (B, C, h / stride, w / stride)."""
        features: Tensor = self.trained(prepared.contiguous(memory_format=torch.channels_last))
        return features


def backbone_weight(name: BackboneName) -> WeightFile:
    """The file that the network's pretrained weights are read from."""
    return FEATURE_WEIGHTS[name] if name == "efficientnet_lite0" else WEIGHTS[name]


def _pretrained(name: BackboneName) -> tuple[list[nn.Module], tuple[float, ...], tuple[float, ...]]:
    weight = backbone_weight(name)
    state = load(weight)
    timm_name = "tf_efficientnet_lite0" if name == "efficientnet_lite0" else name
    network: Any = timm.create_model(timm_name, pretrained=False)
    if name == "efficientnet_lite0":
        state = timm_efficientnet_names(state, network)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"the weights {weight.name} are not those of {name}: {str(error)[:200]}") from error
    mean, std = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
    if name == "efficientnet_lite0":
        return [nn.Sequential(network.conv_stem, network.bn1), *network.blocks], mean, std
    stem = nn.Sequential(network.conv1, network.bn1, network.act1)
    first = nn.Sequential(network.maxpool, network.layer1)
    return [stem, first, network.layer2, network.layer3, network.layer4], mean, std
