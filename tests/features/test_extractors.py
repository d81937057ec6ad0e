"""Feature maps: the right weights, the right places, the right input."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import skimage.data
import timm
import torch
from segment_anything.modeling import ImageEncoderViT, Sam
from torch import Tensor
from torch.nn.functional import interpolate

from padbench.errors import UserError
from padbench.weights import load
from padbench_features import backbones
from padbench_features.backbones import timm_efficientnet_names
from padbench_features.extractors import FeatureExtractor
from padbench_features.weights import WEIGHTS

# Small stand-ins of the same architecture: 64 px instead of 1024, two blocks, one of them with global attention.
SMALL_SAM = {"embed_dim": 32, "depth": 2, "num_heads": 2, "global_attn_indexes": (1,), "image_size": 64}

WriteWeights: TypeAlias = Callable[[str, dict[str, Tensor]], str]


def extractor(
    name: str = "efficientnet_lite0", input_size: int | None = None, strides: Sequence[int] | None = None
) -> FeatureExtractor:
    return FeatureExtractor(name, "cpu", input_size=input_size, strides=strides)


@pytest.fixture
def weights_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WriteWeights:
    """Write a state dict to where the weights of an extractor are expected; gives their sha256."""
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))

    def write(name: str, state: dict[str, Tensor]) -> str:
        path = tmp_path / "weights" / WEIGHTS[name].name
        path.parent.mkdir(exist_ok=True)
        torch.save(state, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(WEIGHTS, name, replace(WEIGHTS[name], sha256=digest))
        return digest

    return write


@pytest.mark.parametrize(("picture", "imagenet_classes"), [("coffee", {504, 967, 968}), ("chelsea", {281, 282, 285})])
def test_the_translated_weights_still_recognise_a_coffee_and_a_cat(picture: str, imagenet_classes: set[int]) -> None:
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(timm_efficientnet_names(load(WEIGHTS["efficientnet_lite0"]), network))
    image = torch.from_numpy(getattr(skimage.data, picture)()).permute(2, 0, 1)[None].float() / 255
    side = min(image.shape[-2:])
    top, left = (image.shape[-2] - side) // 2, (image.shape[-1] - side) // 2
    crop = interpolate(image[:, :, top : top + side, left : left + side], (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        scores = network.eval()((crop - 0.5) / 0.5)[0]
    assert int(scores.argmax()) in imagenet_classes


def test_maps_have_the_stated_strides_and_channels(views: Tensor) -> None:
    images = views[:, :, :200]
    found = extractor(input_size=320)
    maps = found.maps(images)
    assert [layer.stride for layer in found.layers] == [2, 4, 8, 16, 32]
    assert [layer.channels for layer in found.layers] == [16, 24, 40, 112, 320]
    for layer, level in zip(found.layers, maps, strict=True):
        assert level.shape == (3, layer.channels, 256 // layer.stride, 320 // layer.stride)  # 250 rows padded to 256


def test_chosen_strides_are_the_same_maps(views: Tensor) -> None:
    every = extractor(input_size=224).maps(views)
    some = extractor(input_size=224, strides=[8, 2]).maps(views)
    assert len(some) == 2
    assert torch.equal(some[0], every[0])
    assert torch.equal(some[1], every[2])


@pytest.mark.parametrize("size", [(256, 256), (200, 256), (256, 131)])
@pytest.mark.parametrize("stride", [2, 8])
def test_values_on_a_map_return_to_their_place(views: Tensor, size: tuple[int, int], stride: int) -> None:
    found = extractor(input_size=224, strides=[stride])
    height, width = found.resized(*size)
    assert max(height, width) == 224
    (level,) = found.maps(views[:1, :, : size[0], : size[1]])
    rows, columns = level.shape[-2:]
    x_of_location = (torch.arange(columns) + 0.5) * stride
    y_of_location = (torch.arange(rows) + 0.5) * stride
    at_input = found.to_input(
        torch.stack([x_of_location.expand(rows, -1), y_of_location[:, None].expand(-1, columns)]), *size
    )
    assert at_input.shape == (2, height, width)
    inside = slice(stride, -stride)
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    assert torch.allclose(at_input[0, :, inside], x.expand(height, -1)[:, inside], atol=1e-3)
    assert torch.allclose(at_input[1, inside], y[:, None].expand(-1, width)[inside], atol=1e-3)


def test_a_change_of_the_image_changes_the_maps_there_only(views: Tensor) -> None:
    changed = views[:1].clone()
    changed[:, :, 120:136, 64:80] = 0
    before, after = (extractor(input_size=256, strides=[2, 4]).maps(images) for images in (views[:1], changed))
    for a, b, stride in zip(before, after, (2, 4), strict=True):
        rows, columns = torch.nonzero((a - b).abs().sum(dim=(0, 1)) > 0, as_tuple=True)
        assert rows.min() * stride >= 120 - 32
        assert rows.max() * stride <= 136 + 32
        assert columns.min() * stride >= 64 - 32
        assert columns.max() * stride <= 80 + 32


def random_sam_encoder() -> ImageEncoderViT:
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=64,
        embed_dim=32,
        depth=2,
        num_heads=2,
        out_chans=256,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=(1,),
    )
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return encoder.eval()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 64)])
def test_sam_sees_what_segment_anything_gives_it(
    monkeypatch: pytest.MonkeyPatch, weights_of: WriteWeights, views: Tensor, height: int, width: int
) -> None:
    encoder = random_sam_encoder()
    checkpoint = {f"image_encoder.{name}": value for name, value in encoder.state_dict().items()}
    digest = weights_of("sam_vit_b", checkpoint | {"mask_decoder.iou_token.weight": torch.zeros(1)})
    monkeypatch.setitem(backbones._SAM_ENCODERS, "sam_vit_b", SMALL_SAM)
    image = interpolate(views[:1], (height, width), mode="bilinear", antialias=True)
    sam = Sam(encoder, torch.nn.Identity(), torch.nn.Identity(), [123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    with torch.inference_mode():
        expected = encoder(sam.preprocess(image * 255))
    found = extractor("sam_vit_b")
    (level,) = found.maps(image)
    assert level.shape == (1, 256, 4, 4)
    assert torch.allclose(level, expected, atol=1e-4)
    assert found.to_input(level[:, 0], height, width).shape == (1, height, width)
    assert found.weights() == {"sam_vit_b_01ec64.pth": digest}
    with pytest.raises(UserError, match="64 px only"):
        extractor("sam_vit_b", input_size=128)


def test_timm_networks_read_their_file(weights_of: WriteWeights, views: Tensor) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet18", pretrained=False).eval()
    weights_of("resnet18", network.state_dict())
    found = extractor("resnet18", input_size=128, strides=[4, 8])
    assert [(layer.name, layer.channels) for layer in found.layers] == [("layer1", 64), ("layer2", 128)]
    small = interpolate(views, (128, 128), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = (small - mean) / std
        for part in ("conv1", "bn1", "act1", "maxpool", "layer1"):
            expected = network.get_submodule(part)(expected)
    assert torch.allclose(found.maps(views)[0], expected, atol=1e-5)


def test_weights_of_another_network_are_refused(weights_of: WriteWeights) -> None:
    weights_of("resnet18", timm.create_model("resnet34", pretrained=False).state_dict())
    with pytest.raises(UserError, match=r"resnet18-f37072fd\.pth are not those of this network"):
        extractor("resnet18")


@pytest.mark.parametrize(
    ("name", "file", "command"),
    [
        ("sam_vit_b", "sam_vit_b_01ec64.pth", "download sam_vit_b_01ec64.pth"),
        ("wide_resnet50_2", "wide_resnet50_2-95faca4d.pth", "download wide_resnet50_2-95faca4d.pth"),
        ("resnet34.tv_in1k", "resnet34.tv_in1k.safetensors", "download --method METHOD"),
    ],
)
def test_missing_weights_are_an_error_never_random(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, file: str, command: str
) -> None:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))
    with pytest.raises(
        UserError, match=rf"{tmp_path}/weights/{file} are missing: run `padbench weights {command}`.*lite"
    ):
        extractor(name)


def test_wrong_names_and_strides_are_refused() -> None:
    with pytest.raises(UserError, match=r"'efficientnet_light0'.*did you mean .*'efficientnet_lite0'"):
        extractor("efficientnet_light0")
    with pytest.raises(UserError, match=r"strides \[2, 4, 8, 16, 32\], not of \[3\]"):
        extractor(strides=[2, 3])


def test_padding_is_zero_after_normalisation(views: Tensor) -> None:
    # A grey of the network's mean is zero after normalisation, so padding with it by hand changes nothing.
    found = extractor(input_size=256, strides=[2, 32])
    image = views[:1, :, :200]
    by_hand = torch.cat([image, torch.full((1, 3, 24, 256), 0.5)], dim=2)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found.maps(image), found.maps(by_hand), strict=True))
    assert np.array_equal(found.resized(200, 256), (200, 256))
