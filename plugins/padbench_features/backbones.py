"""Frozen networks by name, each with the list of feature maps it can give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import timm
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from padbench.errors import UserError, nearest
from padbench.weights import WeightFile, load
from padbench_features.weights import WEIGHTS


@dataclass(frozen=True)
class Layer:
    """One feature map: where it is taken, pixels of the input per location, number of channels."""

    name: str
    stride: int
    channels: int


@dataclass(frozen=True)
class Backbone:
    """A frozen network with its weights.

    layers: the maps it can give, finest first. mean, std: of the RGB input in [0, 1]. input_size: side in px it was
    trained for; fixed_size: it accepts that square only. forward: normalised images (B, 3, H, W) and indices of layers
    -> their maps (B, C, H / stride, W / stride).
    """

    layers: tuple[Layer, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: int
    fixed_size: bool
    weight: WeightFile
    forward: Callable[[Tensor, Sequence[int]], list[Tensor]]


_SAM_ENCODERS: dict[str, dict[str, Any]] = {
    "sam_vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "sam_vit_l": {"embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23)},
    "sam_vit_h": {"embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31)},
}
_TIMM_NAMES = {"efficientnet_lite0": "tf_efficientnet_lite0"}


def load_backbone(name: str, device: str) -> Backbone:
    """Load "efficientnet_lite0", "sam_vit_b", "sam_vit_l", "sam_vit_h" or any classification model of timm.

    The weights are those of `WEIGHTS`, for other timm models the file their configuration names. Raises UserError for
    an unknown name and for weights that are missing, wrong or of another network.
    """
    weight = backbone_weight(name)
    if name in _SAM_ENCODERS:
        return sam_image_encoder(weight, device, **_SAM_ENCODERS[name])
    state = load(weight)
    network = build_network(name)
    if name == "efficientnet_lite0":
        state = timm_efficientnet_names(state, network)
    return timm_backbone(_frozen(network, state, weight, device), weight)


def build_network(name: str) -> nn.Module:
    """The network that `load_backbone` loads weights into, with random ones.

    Raises UserError for a network without intermediate feature maps.
    """
    network: nn.Module
    if name in _SAM_ENCODERS:
        network = _sam_encoder(**_SAM_ENCODERS[name])
        return network
    network = timm.create_model(_TIMM_NAMES.get(name, name), pretrained=False)
    if not hasattr(network, "forward_intermediates"):
        raise UserError(f"timm's {name} gives no intermediate feature maps: choose another extractor")
    return network


def backbone_weight(name: str) -> WeightFile:
    """The file that `load_backbone` reads; raises UserError for an unknown name."""
    if weight := WEIGHTS.get(name):
        return weight
    if not timm.is_model(name):
        raise UserError(f"there is no feature extractor {name!r}: {nearest(name, [*WEIGHTS, *timm.list_models()])}")
    return _timm_weights(name)


def sam_image_encoder(
    weight: WeightFile,
    device: str,
    *,
    embed_dim: int,
    depth: int,
    num_heads: int,
    global_attn_indexes: Sequence[int],
    image_size: int = 1024,
) -> Backbone:
    """The image encoder of Segment Anything (Kirillov et al. 2023) from a checkpoint of the whole model."""
    prefix = "image_encoder."
    state = {k.removeprefix(prefix): v for k, v in load(weight).items() if k.startswith(prefix)}
    encoder = _sam_encoder(embed_dim, depth, num_heads, global_attn_indexes, image_size)
    return sam_backbone(_frozen(encoder, state, weight, device), weight, image_size)


def _sam_encoder(
    embed_dim: int, depth: int, num_heads: int, global_attn_indexes: Sequence[int], image_size: int = 1024
) -> ImageEncoderViT:
    return ImageEncoderViT(
        img_size=image_size,
        patch_size=16,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=num_heads,
        mlp_ratio=4,
        out_chans=256,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=tuple(global_attn_indexes),
    )


def sam_backbone(encoder: nn.Module, weight: WeightFile, image_size: int = 1024) -> Backbone:
    """What an image encoder of Segment Anything gives; its weights are in place."""
    return Backbone(
        layers=(Layer("image_encoder.neck", 16, 256),),
        mean=(123.675 / 255, 116.28 / 255, 103.53 / 255),
        std=(58.395 / 255, 57.12 / 255, 57.375 / 255),
        input_size=image_size,
        fixed_size=True,
        weight=weight,
        forward=lambda images, _: [encoder(images)],
    )


def timm_efficientnet_names(state: dict[str, Tensor], network: Any) -> dict[str, Tensor]:
    """Translate the names of efficientnet_lite_pytorch, which counts blocks through, to timm's, which does by stage."""
    blocks = [(stage, index) for stage, group in enumerate(network.blocks) for index in range(len(group))]
    outer = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    # The first block has no expansion: its norms and its projection are numbered one lower.
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    inner = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }

    def rename(name: str) -> str:
        if not name.startswith("_blocks."):
            module, parameter = name.split(".")
            return f"{outer[module]}.{parameter}"
        _, number, module, parameter = name.split(".")
        stage, index = blocks[int(number)]
        names = first if int(number) == 0 else inner
        return f"blocks.{stage}.{index}.{names[module]}.{parameter}"

    return {rename(name): value for name, value in state.items()}


def timm_backbone(network: Any, weight: WeightFile) -> Backbone:
    """What a network of timm gives; its weights are in place."""

    def forward(images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        maps: list[Tensor] = network.forward_intermediates(
            images, indices=list(layers), intermediates_only=True, stop_early=True, output_fmt="NCHW"
        )
        return maps

    configuration = network.pretrained_cfg
    return Backbone(
        layers=tuple(Layer(info["module"], info["reduction"], info["num_chs"]) for info in network.feature_info),
        mean=configuration["mean"],
        std=configuration["std"],
        input_size=configuration["input_size"][-1],
        fixed_size=bool(configuration.get("fixed_input_size")),
        weight=weight,
        forward=forward,
    )


def _timm_weights(name: str) -> WeightFile:
    configuration: Any = timm.get_pretrained_cfg(name)
    if configuration is None or not configuration.hf_hub_id:
        raise UserError(f"timm knows no pretrained weights for {name}: choose another extractor")
    repository: str = configuration.hf_hub_id
    return WeightFile(
        name=f"{repository.rpartition('/')[2]}.safetensors",
        source=f"https://huggingface.co/{repository}/resolve/main/model.safetensors",
        licence=configuration.license or "unknown",
        sha256=None,
        tabled=False,
    )


def _frozen(network: nn.Module, state: dict[str, Tensor], weight: WeightFile, device: str) -> nn.Module:
    """The network in evaluation with the weights; raises UserError unless they are exactly its own."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"the weights {weight.name} are not those of this network: {reason}") from error
    return network.eval().requires_grad_(False).to(device)
