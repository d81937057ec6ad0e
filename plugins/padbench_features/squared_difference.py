"""The detector "feature-mse": squared differences of pixels and features between a query and its rendering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from padbench.errors import UserError
from padbench.interfaces import FittedScene, Prediction, Rendering, Runtime
from padbench.weights import WeightFile
from padbench_features.backbones import backbone_weight
from padbench_features.extractors import FeatureExtractor
from padbench_features.smoothing import gaussian_blur


class FeatureSquaredDifference:
    """The scoring of OmniposeAD's code, which SplatPose and RPE-PAD keep (protocol "pad").

    The map is the squared difference of the normalised images, summed over the channels, plus that of every feature
    level, upsampled bilinearly; it is smoothed by a Gaussian, and the image score is its maximum. The reference code
    then scales by the extremes of the whole test set: that changes no ranking and is left out.

    extractor: see `extractors.FeatureExtractor`. input_size: longer side in px at which both images are compared.
    strides: of the feature levels. smoothing: sigma in px of that size.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        extractor: str = "efficientnet_lite0",
        input_size: int = 224,
        strides: Sequence[int] = (2, 4, 8, 16),
        smoothing: float = 4.0,
    ) -> None:
        if smoothing < 0:
            raise UserError(f"smoothing must be at least 0 px, not {smoothing}")
        self._extractor = FeatureExtractor(extractor, runtime.device, input_size=input_size, strides=strides)
        self._smoothing = smoothing

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
            raise UserError("feature-mse compares with renderings: the method needs a representation")
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
        pair = torch.stack([image, reference.to(image.device)])
        anomaly_map = _squared_difference(self._extractor.inputs(pair))
        for level in self._extractor.maps(pair):
            anomaly_map = anomaly_map + self._extractor.to_input(_squared_difference(level), height, width)
        anomaly_map = gaussian_blur(anomaly_map, self._smoothing)
        at_image_size = interpolate(anomaly_map[:, None], (height, width), mode="bilinear", antialias=True)
        return at_image_size[0, 0], anomaly_map.amax()


def _squared_difference(pair: Tensor) -> Tensor:  # (2, C, h, w) -> (1, h, w)
    return (pair[:1] - pair[1:]).square().sum(dim=1)
