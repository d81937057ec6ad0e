"""The networks of the papers with random weights, as their authors' libraries build them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import kornia.feature
import pytest
import timm
from segment_anything import sam_model_registry

from padbench.weights import WeightFile
from padbench_features.weights import WEIGHTS as FEATURES
from padbench_ptad.weights import WEIGHTS as PTAD
from padbench_retrieval.weights import WEIGHTS as RETRIEVAL
from padbench_rpepad.weights import WEIGHTS as RPEPAD

State = dict[str, Any]


def depth_anything_state() -> State:
    """As transformers builds the released configuration."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    # https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/blob/main/config.json
    backbone = {
        "model_type": "dinov2",
        "hidden_size": 384,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": 14,
        "out_features": ["stage3", "stage6", "stage9", "stage12"],
        "reshape_hidden_states": False,
    }
    configuration: Any = DepthAnythingConfig(backbone_config=backbone, patch_size=14, reassemble_hidden_size=384)  # type: ignore[arg-type]
    state: State = DepthAnythingForDepthEstimation(configuration).state_dict()
    return state


# What the authors' libraries build, not what the plugins do: a plugin that builds another network cannot load it.
NETWORKS: dict[str, tuple[dict[str, WeightFile], str, Callable[[], State]]] = {
    "SAM ViT-B": (FEATURES, "sam_vit_b", lambda: sam_model_registry["vit_b"]().state_dict()),
    "EfficientNet-B4": (FEATURES, "tf_efficientnet_b4", lambda: timm.create_model("tf_efficientnet_b4").state_dict()),
    "LoFTR": (RETRIEVAL, "loftr-outdoor", lambda: {"state_dict": kornia.feature.LoFTR(pretrained=None).state_dict()}),
    "ResNet-50": (RPEPAD, "resnet50", lambda: timm.create_model("resnet50").state_dict()),
    "ResNet-18": (PTAD, "resnet18", lambda: timm.create_model("resnet18").state_dict()),
    "Depth Anything": (PTAD, "depth_anything_v2_small", depth_anything_state),
}

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the extra depth-anything is not installed"
)

WriteWeights = Callable[..., list[str]]
