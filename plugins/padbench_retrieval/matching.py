"""Matches between the local features of two images: learned (LightGlue) or by mutual nearest neighbours."""

from __future__ import annotations

from typing import Any

import kornia.feature
import torch
from torch import Tensor

from padbench.errors import UserError, nearest
from padbench.weights import WeightFile, hashes, load
from padbench_retrieval.local_features import Keypoints, local_features
from padbench_retrieval.weights import WEIGHTS

# LightGlue's sizes for each kind of features, stated here because older kornia does not know LighterGlue's.
_CONFIGURATIONS: dict[str, dict[str, float]] = {
    "xfeat": {
        "input_dim": 64,
        "descriptor_dim": 96,
        "n_layers": 6,
        "num_heads": 1,
        "depth_confidence": -1,
        "width_confidence": 0.95,
        "filter_threshold": 0.1,
    },
    "aliked": {"input_dim": 128},
    "disk": {"input_dim": 128},
    "superpoint": {"input_dim": 256},
}


class LocalFeatureMatcher:
    """Local features and the LightGlue network trained for them (Lindenberger 2023; LighterGlue for XFeat).

    device: "cpu" or "cuda". features: "xfeat", "aliked", "disk" or "superpoint". max_keypoints: the strongest so many
    are kept. Raises UserError for unknown features and for missing or wrong weights.
    """

    def __init__(self, device: str, features: str = "xfeat", max_keypoints: int = 512) -> None:
        self._device = device
        self._detect = local_features(features, max_keypoints, device)
        self._lightglue = _lightglue(features).to(device)
        self._weights = matcher_weights(features)

    @torch.inference_mode()
    def extract(self, images: Tensor) -> list[Keypoints]:  # images: (B, 3, H, W)
        """Detect and describe the key points of every image."""
        # One image at a time: a convolution rounds differently in batches of another size, and a key point at the
        # threshold would come or go with its neighbours in the batch.
        return [self._detect(image[None].to(self._device)) for image in images]

    @torch.inference_mode()
    def match(self, a: Keypoints, b: Keypoints) -> Tensor:
        """Match with LightGlue; returns (M, 2) int64, indices into a and b."""
        if len(a) == 0 or len(b) == 0:
            return torch.empty(0, 2, dtype=torch.int64, device=a.positions.device)
        found = self._lightglue({"image0": _as_batch(a), "image1": _as_batch(b)})
        matches: Tensor = found["matches"][0]
        return matches

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes(self._weights)


def matcher_weights(features: str) -> tuple[WeightFile, WeightFile]:
    """The files of the local features and of their LightGlue; raises UserError for unknown features."""
    if features not in _CONFIGURATIONS:
        raise UserError(f"there are no local features {features!r}: {nearest(features, _CONFIGURATIONS)}")
    return WEIGHTS[features], WEIGHTS[f"{features}-lightglue"]


def mutual_nearest_neighbours(a: Keypoints, b: Keypoints, min_cosine: float = 0.82) -> Tensor:
    """Match key points that are each other's nearest in descriptor space with a cosine above min_cosine.

    Returns (M, 2) int64, indices into a and b, in the order of a.
    """
    if len(a) == 0 or len(b) == 0:
        return torch.empty(0, 2, dtype=torch.int64, device=a.positions.device)
    cosine = a.descriptors @ b.descriptors.T
    best, b_of_a = cosine.max(dim=1)
    a_of_b = cosine.argmax(dim=0)
    index = torch.arange(len(a), device=cosine.device)
    mutual = (a_of_b[b_of_a] == index) & (best > min_cosine)
    return torch.stack([index[mutual], b_of_a[mutual]], dim=1)


def _lightglue(features: str) -> torch.nn.Module:
    configuration: dict[str, Any] = {**_CONFIGURATIONS[features], "features": None}
    # Without flash attention, which is half precision and on CUDA only: the same matches on every device.
    network = kornia.feature.LightGlue(flash=False, **configuration)
    state = {_current_name(name): value for name, value in load(WEIGHTS[f"{features}-lightglue"]).items()}
    expected = network.state_dict()
    # xfeat-lighterglue.pt repeats the XFeat network and disk_lightglue.pth holds a scalar per layer that LightGlue
    # does not use; the confidence thresholds are constants.
    known = {name: value for name, value in state.items() if not _is_foreign(name)}
    network.load_state_dict({"confidence_thresholds": expected["confidence_thresholds"]} | known)
    return network.eval()


def _current_name(name: str) -> str:
    """Translate a name of the released LightGlue files to kornia's: self_attn.3.x -> transformers.3.self_attn.x."""
    name = name.removeprefix("matcher.")
    block, _, rest = name.partition(".")
    if block in ("self_attn", "cross_attn"):
        layer, _, parameter = rest.partition(".")
        return f"transformers.{layer}.{block}.{parameter}"
    return name


def _is_foreign(name: str) -> bool:
    return name.startswith("extractor.") or (name.startswith("log_assignment.") and name.endswith(".r"))


def _as_batch(keypoints: Keypoints) -> dict[str, Tensor]:
    return {
        "keypoints": keypoints.positions[None],
        "descriptors": keypoints.descriptors[None],
        "image_size": torch.tensor([keypoints.image_size], device=keypoints.positions.device),
    }
