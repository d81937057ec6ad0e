"""igspad, splatpose, omniposead and rpe-pad in the profile `paper`: full-size networks, three views, few iterations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor

from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit
from paper.random_networks import WriteWeights

FEW_GAUSSIANS = ("representation.gaussians=500", "representation.iterations=2")
THREE_VIEWS = "views=0.03"


def run(method: str, out: Path, image_size: int, *overrides: str, queries: int = 1) -> RunFolder:
    plugins = load_plugins()
    resolved = resolve_method(plugins, method, "paper", (THREE_VIEWS, *overrides), image_size)
    dataset = plugins.resolve("dataset", "bricks")(None, image_size=image_size)
    settings = Settings(out, "cpu", 1, queries, False, SilentProgress())
    return run_unit(Unit("bricks", method, "paper", "01Duck", 0), resolved, dataset, plugins, settings)


def assert_complete(result: RunFolder, image_size: int, weights: list[str], queries: int = 1) -> None:
    """Every query has a finite map of the images' size, a score and two poses; the weights in use are recorded."""
    table = result.predictions()
    assert len(table) == queries and table["error"].isna().all(), (result.path / "errors.log").read_text()
    for _, row in table.iterrows():
        assert result.anomaly_map(row).shape == (image_size, image_size)
        assert np.isfinite(row["image_score"]) and np.isfinite(result.anomaly_map(row)).all()
        for pose in ("coarse_world_to_camera", "world_to_camera"):
            rotation = np.asarray(row[pose]).reshape(4, 4)[:3, :3]
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
    assert not np.array_equal(table["coarse_world_to_camera"][0], table["world_to_camera"][0])
    assert set(weights) <= result.info["weights"].keys()


def test_igspad_sees_through_sam_vit_b(
    tmp_path: Path, random_weights: WriteWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAM at its 1024 px sees one image, which takes half a minute; all others are given its features, shifted."""
    maps: list[Tensor] = []
    encode = ImageEncoderViT.forward

    def seen_once(encoder: ImageEncoderViT, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, 1024, 1024)
        if not maps:
            maps.append(encode(encoder, images[:1]))
        return torch.cat([maps[0].roll(index, dims=3) for index in range(len(images))])

    monkeypatch.setattr(ImageEncoderViT, "forward", seen_once)
    weights = random_weights("SAM ViT-B")
    overrides = (*FEW_GAUSSIANS, "pose.1.steps=2", "pose.0.max_keypoints=64", "pose.1.max_keypoints=64")
    result = run("igspad", tmp_path / "runs", 96, *overrides)
    assert_complete(result, 96, weights)
    assert maps[0].shape == (1, 256, 64, 64) and float(maps[0].std()) > 0
    assert result.info["protocol"] == "native"


def test_splatpose_matches_with_loftr_and_scores_with_efficientnet_b4(
    tmp_path: Path, random_weights: WriteWeights
) -> None:
    weights = random_weights("LoFTR", "EfficientNet-B4")
    result = run("splatpose", tmp_path / "runs", 96, *FEW_GAUSSIANS, "pose.1.steps=2")
    assert_complete(result, 96, weights)


def test_omniposead_trains_the_nerf_of_eight_layers(tmp_path: Path, random_weights: WriteWeights) -> None:
    pytest.importorskip("nerfstudio")
    weights = random_weights("LoFTR", "EfficientNet-B4")
    # Two iterations do not reach the PSNR that a training is held to.
    few = ("representation.iterations=2", "representation.rays=64", "representation.min_psnr=-100.0")
    result = run("omniposead", tmp_path / "runs", 32, *few, "pose.1.steps=2", "pose.1.rays=64")
    assert_complete(result, 32, weights)


def test_rpe_pad_trains_resnet_50(tmp_path: Path, random_weights: WriteWeights) -> None:
    """Its 32 queries of a batch included: both are in one."""
    weights = random_weights("LoFTR", "EfficientNet-B4", "ResNet-50")
    overrides = (*FEW_GAUSSIANS, "pose.1.epochs=1", "pose.1.batch_size=4", "pose.0.novel_views=1")
    result = run("rpe-pad", tmp_path / "runs", 96, *overrides, "pose.1.novel_views=1", queries=2)
    assert_complete(result, 96, weights, queries=2)
