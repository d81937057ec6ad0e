"""Depth of a single image by Depth Anything V2 (Yang et al. 2024), and the edges of depth: PTAD's unimodal variant."""

from __future__ import annotations

from typing import Any

import torch
from kornia.filters import sobel
from torch import Tensor, nn
from torch.nn.functional import interpolate

from padbench.errors import UserError
from padbench.weights import load
from padbench_ptad.weights import WEIGHTS

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIZE, _PATCH = 518, 14


class DepthAnything:
    """Predicts relative depth with the small network and its released weights.

    Raises UserError where the package or the weights are missing, or where the weights are of another network.
    """

    def __init__(self, device: str) -> None:
        network: Any = small_network()
        weight = WEIGHTS["depth_anything_v2_small"]
        try:
            network.load_state_dict(load(weight))
        except RuntimeError as error:
            raise UserError(f"the weights {weight.name} are not those of Depth Anything: {str(error)[:200]}") from error
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    @torch.inference_mode()
    def edges(self, images: Tensor) -> Tensor:  # images: (B, 3, H, W) in [0, 1]
        """The edges of the images' predicted depth, (B, 1, H, W) in [0, 1]."""
        mean, std = (torch.tensor(value, device=self._device)[:, None, None] for value in (_MEAN, _STD))
        seen = interpolate(images.to(self._device), (_SIZE,) * 2, mode="bicubic", antialias=True).clamp(0, 1)
        depth = self._network((seen - mean) / std).predicted_depth[:, None]
        return depth_edges(interpolate(depth, images.shape[-2:], mode="bilinear", antialias=True))


def depth_edges(depth: Tensor) -> Tensor:  # (B, 1, H, W)
    """The magnitude of Sobel's gradient, (B, 1, H, W) in [0, 1], of depth in units of its own range.

    Predicted and rendered depth differ in scale and offset, and in which end is near: their edges do not.
    """
    low, high = depth.amin((1, 2, 3), keepdim=True), depth.amax((1, 2, 3), keepdim=True)
    edges: Tensor = sobel((depth - low) / (high - low).clamp(min=1e-6))
    return edges.clamp(0, 1)


def small_network(**sizes: Any) -> nn.Module:
    """Depth Anything V2 Small with random weights; sizes: changes of its configuration.

    Raises UserError where the package transformers is missing.
    """
    try:
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation
    except ImportError as error:
        raise UserError(
            "Depth Anything comes with the package transformers, which is not installed: pip install "
            "'padbench[depth-anything]'"
        ) from error
    backbone = {
        "model_type": "dinov2",
        "hidden_size": 384,
        "num_attention_heads": 6,
        "image_size": _SIZE,
        "patch_size": _PATCH,
        "out_features": ["stage3", "stage6", "stage9", "stage12"],
        "reshape_hidden_states": False,
    }
    configuration: dict[str, Any] = {"backbone_config": backbone, "patch_size": _PATCH, "reassemble_hidden_size": 384}
    network: nn.Module = DepthAnythingForDepthEstimation(DepthAnythingConfig(**(configuration | sizes)))
    return network
