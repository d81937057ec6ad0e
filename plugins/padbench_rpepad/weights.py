"""The pretrained backbone of the paper; the one of `lite` comes with padbench_features."""

from __future__ import annotations

from padbench.weights import WeightFile

WEIGHTS: dict[str, WeightFile] = {
    # torchvision's weights (IMAGENET1K_V1) in timm's file. No reference of its hash could be confirmed: the hash found
    # is recorded in the run.
    "resnet50": WeightFile(
        name="resnet50.tv_in1k.safetensors",
        source="https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors",
        licence="BSD-3-Clause",
        sha256=None,
    ),
}
