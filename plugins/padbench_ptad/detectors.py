"""The trained detectors of BrokenChairs: PTAD's "mmpdn" and the single-image "resnet18-fpn" and "vit-tiny"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import nn

from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.weights import WeightFile, hashes, locate
from padbench_ptad.depth_anything import DepthAnything, depth_edges
from padbench_ptad.examples import ExampleMaker, See, TrainingPoses
from padbench_ptad.network import AttentionComparison, PyramidComparison, SingleImagePyramid, SingleImageTransformer
from padbench_ptad.pose_noise import PoseNoise
from padbench_ptad.trained_detector import TrainedDetector
from padbench_ptad.training import Schedule
from padbench_ptad.weights import WEIGHTS

_ATTENTION_LAYERS = 2


class PyramidDetector(TrainedDetector):
    """PTAD's Multi-Modal Pyramid Detection Network: the query against the depth of the normal object at its pose.

    input_size: side in px. width, pretrained, pyramid_width, hidden: of `PyramidComparison`. epochs, batch_size,
    learning_rate, decay, weight_decay, box_weight, augment: of `Schedule`. training_poses: where the depth of training
    images is rendered: at the poses that the method's own chain estimates, or at true ones, `draws` times with a noise
    of noise_degrees and of noise_share of the distance. sees: the query's colours beside rendered depth, or the edges
    of its predicted depth beside the edges of rendered depth, the paper's unimodal variant (supplement, 2.1).
    comparison: PTAD's pyramid, or `AttentionComparison` with pyramid_width channels, of the paper's baselines A and C.
    Implements `interfaces.Detector`.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        input_size: int = 256,
        width: int = 64,
        pretrained: bool = True,
        pyramid_width: int = 256,
        hidden: int = 576,
        epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 2e-5,
        decay: Literal["none", "cosine"] = "none",
        weight_decay: float = 0.0,
        box_weight: float = 1.0,
        augment: bool = False,
        training_poses: TrainingPoses = "estimated",
        noise_degrees: float = 0.0,
        noise_share: float = 0.0,
        draws: int = 1,
        sees: Literal["colours", "edges of depth"] = "colours",
        comparison: Literal["pyramid", "attention"] = "pyramid",
    ) -> None:
        if draws < 1 or min(noise_degrees, noise_share) < 0:
            raise UserError(
                f"mmpdn needs draws of at least 1 and no negative noise, not {draws}, {noise_degrees} and "
                f"{noise_share}: mend the recipe"
            )
        # Read when the network is built, but a missing one is to be known before anything is fitted.
        self._weights = _found(self.weight_files({"pretrained": pretrained, "sees": sees}))

        def build() -> nn.Module:
            if comparison == "pyramid":
                return PyramidComparison(width=width, pretrained=pretrained, pyramid_width=pyramid_width, hidden=hidden)
            return AttentionComparison(
                width=width, pretrained=pretrained, channels=pyramid_width, layers=_ATTENTION_LAYERS, hidden=hidden
            )

        sight: dict[str, See] = {}
        if sees == "edges of depth":
            predictor = DepthAnything(runtime.device)
            sight = {
                "see_image": lambda images: predictor.edges(images).expand(-1, 3, -1, -1),
                "see_depth": depth_edges,
            }
        super().__init__(
            runtime,
            build,
            ExampleMaker(
                size=input_size,
                poses=training_poses,
                noise=PoseNoise(noise_degrees, noise_share),
                draws=draws,
                progress=runtime.progress,
                **sight,
            ),
            Schedule(epochs, batch_size, learning_rate, decay, weight_decay, box_weight, augment),
            input_size,
        )

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        files = [WEIGHTS["resnet18"]] if parameters["pretrained"] else []
        return [WEIGHTS["depth_anything_v2_small"], *files] if parameters["sees"] == "edges of depth" else files

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes(self._weights)


class SingleImagePyramidDetector(TrainedDetector):
    """ResNet18-FPN on the query alone; parameters as in `PyramidDetector`. Implements `interfaces.Detector`."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        input_size: int = 256,
        width: int = 64,
        pretrained: bool = True,
        pyramid_width: int = 256,
        hidden: int = 576,
        epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 2e-5,
        decay: Literal["none", "cosine"] = "none",
        weight_decay: float = 0.0,
        box_weight: float = 1.0,
        augment: bool = False,
    ) -> None:
        self._weights = _found(self.weight_files({"pretrained": pretrained}))
        super().__init__(
            runtime,
            lambda: SingleImagePyramid(width=width, pretrained=pretrained, pyramid_width=pyramid_width, hidden=hidden),
            _without_references(input_size, runtime),
            Schedule(epochs, batch_size, learning_rate, decay, weight_decay, box_weight, augment),
            input_size,
        )

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return [WEIGHTS["resnet18"]] if parameters["pretrained"] else []

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes(self._weights)


class SingleImageTransformerDetector(TrainedDetector):
    """ViT-Ti/16 on the query alone, from scratch; parameters as in `PyramidDetector`."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        input_size: int = 224,
        hidden: int = 576,
        epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 2e-5,
        decay: Literal["none", "cosine"] = "none",
        weight_decay: float = 0.0,
        box_weight: float = 1.0,
        augment: bool = False,
    ) -> None:
        super().__init__(
            runtime,
            lambda: SingleImageTransformer(size=input_size, hidden=hidden),
            _without_references(input_size, runtime),
            Schedule(epochs, batch_size, learning_rate, decay, weight_decay, box_weight, augment),
            input_size,
        )


def _found(files: Sequence[WeightFile]) -> Sequence[WeightFile]:
    """The same files; raises UserError where one is missing or wrong."""
    for file in files:
        locate(file)
    return files


def _without_references(size: int, runtime: Runtime) -> ExampleMaker:
    return ExampleMaker(size=size, poses=None, noise=PoseNoise(0, 0), draws=0, progress=runtime.progress)
