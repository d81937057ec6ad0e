"""The pretrained backbone of the paper; the one of `lite` comes with padbench_features."""

from __future__ import annotations

from padbench.weights import WeightFile

WEIGHTS: dict[str, WeightFile] = {
    # torchvision's weights (IMAGENET1K_V1) in timm's file. The publisher's hash is asked for when it is downloaded; the
    # size is that of the parameters.
    "resnet50": WeightFile(
        name="resnet50.tv_in1k.safetensors",
        source="https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors",
        licence="BSD-3-Clause",
        sha256=None,
        size=102_000_000,
    ),
}
