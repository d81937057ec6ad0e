"""The extractors of the papers are the networks that they are said to be."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from segment_anything import sam_model_registry

from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench_features.backbones import backbone_weight, build_network, sam_backbone, timm_backbone
from padbench_features.extractors import FeatureExtractor
from padbench_ptad.network import SingleImagePyramid
from padbench_rpepad.backbone import Backbone
from paper.random_networks import WriteWeights

MILLION = 1e6


@pytest.mark.parametrize("method", ["omniposead", "splatpose", "rpe-pad"])
def test_efficientnet_b4_gives_the_maps_of_the_pad_scoring(method: str, random_weights: WriteWeights) -> None:
    """24, 32, 56 and 160 channels at strides 2 to 16; 19.3 million parameters (Tan and Le 2019, Table 2: 19)."""
    random_weights("EfficientNet-B4")
    stated = resolve_method(load_plugins(), method, "paper").detector.parameters
    assert stated["extractor"] == "tf_efficientnet_b4"
    extractor = FeatureExtractor(stated["extractor"], "cpu", input_size=stated["input_size"], strides=stated["strides"])
    maps = extractor.maps(torch.rand(1, 3, 200, 200))
    assert [tuple(level.shape) for level in maps] == [
        (1, 24, 112, 112),
        (1, 32, 56, 56),
        (1, 56, 28, 28),
        (1, 160, 14, 14),
    ]
    assert all(bool(level.isfinite().all()) for level in maps)
    assert parameters(build_network("tf_efficientnet_b4")) == pytest.approx(19.34, abs=0.05)


@pytest.mark.parametrize(("name", "millions"), [("sam_vit_b", 89.7), ("sam_vit_l", 308.3), ("sam_vit_h", 637.0)])
def test_sam_encoders_are_those_of_segment_anything(name: str, millions: float) -> None:
    """Name by name and shape by shape: a strict load of the released file succeeds. Nothing is allocated."""
    with torch.device("meta"):
        published = sam_model_registry[name.removeprefix("sam_")]().image_encoder
        ours = build_network(name)
        backbone = sam_backbone(ours, backbone_weight(name))
        (features,) = backbone.forward(torch.empty(1, 3, backbone.input_size, backbone.input_size), [0])
    assert parameters(ours) == pytest.approx(millions, abs=0.1)
    assert shapes(ours) == shapes(published)
    assert backbone.input_size == 1024 and backbone.fixed_size
    assert features.shape == (1, 256, 64, 64) and backbone.layers[0].stride == 16


@pytest.mark.parametrize(
    ("name", "millions", "strides"),
    [
        ("resnet18", 11.69, [2, 4, 8, 16, 32]),
        ("wide_resnet50_2", 68.88, [2, 4, 8, 16, 32]),
        ("cait_m48_448", 356.5, [16] * 48),
    ],
)
def test_the_other_extractors_of_igspad_table_1(name: str, millions: float, strides: list[int]) -> None:
    """They have the sizes of their papers, and each map has the stride and the channels that it is said to have."""
    with torch.device("meta"):
        network = build_network(name)
        backbone = timm_backbone(network.eval(), backbone_weight(name))
        size = backbone.input_size
        maps = backbone.forward(torch.empty(1, 3, size, size), range(len(backbone.layers)))
    assert parameters(network) == pytest.approx(millions, rel=0.002)
    assert [layer.stride for layer in backbone.layers] == strides
    assert [tuple(level.shape) for level in maps] == [
        (1, layer.channels, size // layer.stride, size // layer.stride) for layer in backbone.layers
    ]


def test_the_backbone_of_rpe_pad_is_resnet_50(random_weights: WriteWeights) -> None:
    """The whole of it without the classifier, 23.5 million, trained; its map has 2048 channels at H/32 x W/32."""
    random_weights("ResNet-50")
    backbone = Backbone("resnet50", stages=5, frozen_stages=0)
    assert parameters(backbone) == pytest.approx(23.51, abs=0.02)
    assert all(parameter.requires_grad for parameter in backbone.parameters())
    assert backbone.eval()(backbone.prepare(torch.rand(1, 3, 224, 160))).shape == (1, 2048, 7, 5)


def test_resnet18_fpn_has_the_size_that_its_recipe_says_differs() -> None:
    sizes = resolve_method(load_plugins(), "resnet18-fpn", "paper").detector.parameters
    with torch.device("meta"):
        network = SingleImagePyramid(
            width=sizes["width"], pretrained=False, pyramid_width=sizes["pyramid_width"], hidden=sizes["hidden"]
        )
    assert parameters(network) == pytest.approx(18.17, abs=0.005)


@pytest.mark.skipif(importlib.util.find_spec("nerfstudio") is None, reason="nerfstudio is not installed")
def test_the_nerf_of_omniposead_is_two_networks_of_eight_layers_of_256() -> None:
    """10 and 4 frequencies and the input itself: 63 and 27 numbers (Mildenhall et al. 2020, appendix A)."""
    from padbench_nerf.fields import VanillaNeRF

    network = VanillaNeRF(64, 64, 256, False)
    layers: Any = network.fine.mlp_base.layers
    trunk = [tuple(layer.weight.shape) for layer in layers]
    assert trunk == [(256, 63), *[(256, 256)] * 3, (256, 256 + 63), *[(256, 256)] * 3]
    assert network.fine.mlp_head.layers[0].weight.shape == (128, 256 + 27)
    assert shapes(network.coarse) == shapes(network.fine)
    # What the recipe says of it: nerf-pytorch's has 0.596.
    assert parameters(network.fine) == pytest.approx(0.547, abs=0.0005)


def parameters(network: torch.nn.Module) -> float:
    """In millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / MILLION


def shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}
