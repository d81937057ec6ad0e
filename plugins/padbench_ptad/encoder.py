"""ResNet18 in four levels: the encoder that PTAD shares between query and depth, and of its single-image baseline."""

from __future__ import annotations

from typing import Any

import timm
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from padbench.errors import UserError
from padbench.weights import load
from padbench_ptad.weights import WEIGHTS

_PUBLISHED_WIDTH = 64


class Encoder(nn.Module):
    """ResNet18 (He et al. 2016) without its classifier.

    width: channels of the first level, doubled at each next one; 64 is ResNet18. Others have no pretrained weights, and
    a stem of three 3x3 convolutions that is as narrow as they are. pretrained: start from ImageNet's weights, else at
    random. Raises UserError for missing or wrong weights and for an odd width.
    """

    def __init__(self, width: int, pretrained: bool) -> None:
        super().__init__()
        if pretrained and width != _PUBLISHED_WIDTH:
            raise UserError(
                f"ResNet18 has pretrained weights for width {_PUBLISHED_WIDTH}, not {width}: mend the recipe"
            )
        if width < 2 or width % 2:
            raise UserError(f"the encoder needs an even width, not {width}: mend the recipe")
        stem = {} if width == _PUBLISHED_WIDTH else {"stem_type": "deep", "stem_width": width // 2}
        self.channels = tuple(width * factor for factor in (1, 2, 4, 8))
        network: Any = ResNet(BasicBlock, (2, 2, 2, 2), num_classes=0, channels=self.channels, **stem)  # type: ignore[arg-type]
        if pretrained:
            weight = WEIGHTS["resnet18"]
            state = {name: value for name, value in load(weight).items() if not name.startswith("fc.")}
            try:
                network.load_state_dict(state)
            except RuntimeError as error:
                raise UserError(f"the weights {weight.name} are not those of ResNet18: {str(error)[:200]}") from error
        self.stem = nn.Sequential(network.conv1, network.bn1, network.act1, network.maxpool)
        self.levels = nn.ModuleList([network.layer1, network.layer2, network.layer3, network.layer4])

    def forward(self, images: Tensor) -> list[Tensor]:  # images: (B, 3, H, W) in [0, 1]
        """The maps of the four levels, (B, C, H / s, W / s) for the strides s of 4, 8, 16 and 32."""
        mean, std = (images.new_tensor(value)[:, None, None] for value in (_MEAN, _STD))
        features = self.stem((images - mean) / std)
        maps = []
        for level in self.levels:
            features = level(features)
            maps.append(features)
        return maps


_MEAN, _STD = timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
