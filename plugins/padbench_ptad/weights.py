"""The pretrained networks of the `paper` profiles."""

from __future__ import annotations

from padbench.weights import WeightFile

WEIGHTS: dict[str, WeightFile] = {
    # torchvision's weights (IMAGENET1K_V1) in timm's file. No reference of its hash could be confirmed: the hash found
    # is recorded in the run.
    "resnet18": WeightFile(
        name="resnet18.tv_in1k.safetensors",
        source="https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors",
        licence="BSD-3-Clause",
        sha256=None,
    ),
    # The small network is under Apache-2.0, the larger ones are not. Its hash is unconfirmed, as above.
    "depth_anything_v2_small": WeightFile(
        name="depth_anything_v2_small.safetensors",
        source="https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/resolve/main/model.safetensors",
        licence="Apache-2.0",
        sha256=None,
    ),
}
