"""PTAD's detection network (MMPDN) and its single-image baselines: a logit, a box, and where image and depth differ."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate

from padbench_ptad.encoder import Encoder
from padbench_ptad.pyramid import Heads, Pyramid

# Of the encoder's four: stride 16, as many places as all references together can be compared with.
_ATTENTION_LEVEL = 2
_HEADS = 4


class Judgement(NamedTuple):
    """What a network says of a batch.

    logit: of the image being anomalous. box: centre x, centre y, width and height of the defect as shares of the image.
    distance: where the image differs from the reference, 0 where it does not.
    """

    logit: Tensor  # (B,)
    box: Tensor  # (B, 4)
    distance: Tensor  # (B, H, W)


class Network(Protocol):
    """Judges images, with or without V renderings of the normal object for each."""

    def __call__(self, images: Tensor, references: Tensor) -> Judgement:  # (B, 3, H, W), (B, V, H, W), both in [0, 1]
        """Judge the images."""
        ...


class PyramidComparison(nn.Module):
    """The Multi-Modal Pyramid Detection Network (PTAD, section 3.3).

    One encoder for the image and the rendered depth, the cosine distance of their features at four levels (Eq. 9), a
    feature pyramid over the distances, a two-layer perceptron for the score and a four-layer one for the box. width,
    pretrained: of the encoder. pyramid_width, hidden: not stated in the paper.
    """

    def __init__(self, *, width: int, pretrained: bool, pyramid_width: int, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, pretrained)
        levels = len(self.encoder.channels)
        self.pyramid = Pyramid([1] * levels, pyramid_width)
        self.heads = Heads(pyramid_width, levels, hidden)

    def forward(self, images: Tensor, references: Tensor) -> Judgement:  # (B, 3, H, W), (B, V, H, W)
        """Compare the images with the depth images; the distance is the mean over the four levels.

        With several depth images for each, as in the paper's baseline B, the distance of a level is the mean over them.
        """
        distances = [
            (1 - cosine_similarity(query[:, None], of_views, dim=2)).clamp(min=0).mean(1, keepdim=True)
            for query, of_views in _paired_features(self.encoder, images, references)
        ]
        logit, box = self.heads(self.pyramid(distances))
        size = images.shape[-2:]
        enlarged = [interpolate(level, size, mode="bilinear", align_corners=False) for level in distances]
        return Judgement(logit, box, torch.cat(enlarged, 1).mean(1))


def _paired_features(encoder: Encoder, images: Tensor, references: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each level the features of the images, (B, C, h, w), and of their V references, (B, V, C, h, w)."""
    count = len(images)
    depths = references.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
    maps = encoder(torch.cat([images, depths]))
    return [(features[:count], features[count:].unflatten(0, references.shape[:2])) for features in maps]


class AttentionComparison(nn.Module):
    """Cross-attention from the query's features to all of the references' (PTAD, Table 2, baselines A and C).

    It stands for the correspondence-guided attention of Looking 3D (Bhunia et al. 2024), without its supervision by
    correspondences: at stride 16 every place of the query attends to every place of every reference. width, pretrained:
    of the encoder. channels, layers: of the transformer. hidden: of the perceptrons.
    """

    def __init__(self, *, width: int, pretrained: bool, channels: int, layers: int, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, pretrained)
        self.project = nn.Conv2d(self.encoder.channels[_ATTENTION_LEVEL], channels, 1)
        layer = nn.TransformerDecoderLayer(channels, _HEADS, 2 * channels, dropout=0.0, batch_first=True)
        self.attention = nn.TransformerDecoder(layer, layers)
        self.logit = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.box = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 4))

    def forward(self, images: Tensor, references: Tensor) -> Judgement:  # (B, 3, H, W), (B, V, H, W)
        """Judge the images; the distance is that of each place to the most similar place of the references."""
        query, of_views = _paired_features(self.encoder, images, references)[_ATTENTION_LEVEL]
        count, views = of_views.shape[:2]
        own = self.project(query)
        height, width = own.shape[-2:]
        place = _places(own.shape[1], height, width).to(own)
        tokens = (own + place).flatten(2).mT
        others = (self.project(of_views.flatten(0, 1)) + place).unflatten(0, (count, views))
        others = others.permute(0, 1, 3, 4, 2).flatten(1, 3)
        pooled = self.attention(tokens, others).mean(1)
        similarity = nn.functional.normalize(tokens, dim=2) @ nn.functional.normalize(others, dim=2).mT
        distance = (1 - similarity.amax(2)).clamp(min=0).view(count, 1, height, width)
        enlarged = interpolate(distance, images.shape[-2:], mode="bilinear", align_corners=False)
        return Judgement(self.logit(pooled).squeeze(1), self.box(pooled).sigmoid(), enlarged[:, 0])


def _places(channels: int, height: int, width: int) -> Tensor:
    """Sines and cosines of row and column (Vaswani et al. 2017), (channels, height, width)."""
    rates = 100.0 ** (-torch.arange(channels // 4) / (channels // 4))
    rows, columns = (torch.arange(size)[None] * rates[:, None] for size in (height, width))
    parts = [rows.sin()[:, :, None], rows.cos()[:, :, None], columns.sin()[:, None], columns.cos()[:, None]]
    return torch.cat([part.expand(-1, height, width) for part in parts])


class SingleImagePyramid(nn.Module):
    """ResNet18-FPN on the query alone (PTAD, Table 1): what can be told without a reference."""

    def __init__(self, *, width: int, pretrained: bool, pyramid_width: int, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, pretrained)
        self.pyramid = Pyramid(self.encoder.channels, pyramid_width)
        self.heads = Heads(pyramid_width, len(self.encoder.channels), hidden)

    def forward(self, images: Tensor, references: Tensor) -> Judgement:  # (B, 3, H, W), (B, 1, H, W)
        """Judge the images; the distance, which they have from nothing, is their probability everywhere."""
        logit, box = self.heads(self.pyramid(self.encoder(images)))
        return Judgement(logit, box, _everywhere(logit, images))


class SingleImageTransformer(nn.Module):
    """A Vision Transformer (ViT-Ti/16) on the query alone (PTAD, Table 1). size: of the square images in px."""

    def __init__(self, *, size: int, hidden: int) -> None:
        super().__init__()
        transformer: Any = timm.create_model("vit_tiny_patch16_224", img_size=size, num_classes=0)
        self.encoder, channels = transformer, transformer.num_features
        self.logit = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.box = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 4))

    def forward(self, images: Tensor, references: Tensor) -> Judgement:  # (B, 3, H, W), (B, 1, H, W)
        """Judge the images as `SingleImagePyramid` does."""
        features = self.encoder(2 * images - 1)
        logit = self.logit(features).squeeze(1)
        return Judgement(logit, self.box(features).sigmoid(), _everywhere(logit, images))


def _everywhere(logit: Tensor, images: Tensor) -> Tensor:
    return logit.sigmoid()[:, None, None].expand(-1, *images.shape[-2:])
