"""The pretrained networks of the `paper` profiles."""

from __future__ import annotations

from padbench.weights import WeightFile

WEIGHTS: dict[str, WeightFile] = {
    # torchvision's weights (IMAGENET1K_V1) in timm's file. The publisher's hash is asked for when it is downloaded; the
    # size is that of the parameters.
    "resnet18": WeightFile(
        name="resnet18.tv_in1k.safetensors",
        source="https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors",
        licence="BSD-3-Clause",
        sha256=None,
        size=46_800_000,
    ),
    # The small network is under Apache-2.0, the larger ones are not. Hash and size as above.
    "depth_anything_v2_small": WeightFile(
        name="depth_anything_v2_small.safetensors",
        source="https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/resolve/main/model.safetensors",
        licence="Apache-2.0",
        sha256=None,
        size=99_100_000,
    ),
}
