"""The detector "feature-cosine": how far the features of a query turn away from those of its rendering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cosine_similarity, interpolate

from padbench.errors import UserError
from padbench.interfaces import FittedScene, Prediction, Rendering, Runtime
from padbench.weights import WeightFile
from padbench_features.backbones import backbone_weight
from padbench_features.extractors import FeatureExtractor
from padbench_features.smoothing import gaussian_blur


class FeatureCosine:
    """1 - cosine of query and reference features (IGSPAD, section 3.3): Eq. 5 for the map, Eq. 6 for the image score.

    extractor, input_size, strides: see `extractors.FeatureExtractor`. The maps of several strides are averaged.
    smoothing: sigma of a Gaussian on the map. pooling: side of the average pooling before the maximum, 1 for none.
    Both are in px of the network's input, so that results do not depend on the size of the images.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        extractor: str = "efficientnet_lite0",
        input_size: int | None = None,
        strides: Sequence[int] | None = None,
        smoothing: float = 0.0,
        pooling: int = 1,
    ) -> None:
        if smoothing < 0:
            raise UserError(f"smoothing must be at least 0 px, not {smoothing}")
        if pooling < 1:
            raise UserError(f"pooling must be at least 1 px, not {pooling}")
        self._extractor = FeatureExtractor(extractor, runtime.device, input_size=input_size, strides=strides)
        self._smoothing = smoothing
        self._pooling = pooling

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return [backbone_weight(parameters["extractor"])]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return self._extractor.weights()

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        """Nothing is learned: the features are frozen."""

    def score(self, images: Tensor, references: Rendering | None) -> Prediction:  # images: (B, 3, H, W)
        """Score each image against its rendering; raises UserError for a method that renders none."""
        if references is None:
            raise UserError("feature-cosine compares with renderings: the method needs a representation")
        # One query at a time: networks round differently in batches of another size.
        scored = [self._score(image, reference) for image, reference in zip(images, references.rgb, strict=True)]
        return Prediction(torch.stack([one[0] for one in scored]), torch.stack([one[1] for one in scored]))

    def save(self, folder: Path) -> None:
        """There is no fitted state."""

    def load(self, folder: Path, fitted: Sequence[FittedScene]) -> None:
        """There is no fitted state."""

    @torch.inference_mode()
    def _score(self, image: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:  # (3, H, W) each
        height, width = image.shape[-2:]
        maps = self._extractor.maps(torch.stack([image, reference.to(image.device)]))
        levels = [
            self._extractor.to_input(1 - cosine_similarity(level[:1], level[1:], dim=1), height, width)
            for level in maps
        ]
        anomaly_map = gaussian_blur(torch.stack(levels).mean(dim=0), self._smoothing)
        image_score = avg_pool2d(anomaly_map, self._pooling, stride=1).amax()
        at_image_size = interpolate(anomaly_map[:, None], (height, width), mode="bilinear", antialias=True)
        return at_image_size[0, 0], image_score
