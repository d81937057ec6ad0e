"""The recipe igspad from images to stored predictions, in miniature: it finds poses, and resuming changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from padbench.evaluate import evaluate
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit

SIZE = 128
QUERIES = 4
MINIATURE = (
    "representation.iterations=400",
    "representation.gaussians=2500",
    "pose.1.steps=60",
    "pose.1.late_from=40",
)


def run(out: Path, limit: int = QUERIES, *overrides: str) -> RunFolder:
    plugins = load_plugins()
    method = resolve_method(plugins, "igspad", "lite", (*MINIATURE, *overrides), SIZE)
    dataset = plugins.resolve("dataset", "bricks")(None, image_size=SIZE)
    settings = Settings(out, "cpu", 1, limit, False, SilentProgress())
    return run_unit(Unit("bricks", "igspad", "lite", "01Duck", 0), method, dataset, plugins, settings)


def predictions(run_folder: RunFolder) -> list[Any]:
    table = run_folder.predictions()
    maps = [run_folder.anomaly_map(row) for _, row in table.iterrows()]
    return [
        list(table["id"]),
        np.stack(maps),
        table["image_score"].tolist(),
        np.array(table["world_to_camera"].tolist()),
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(tmp_path_factory.mktemp("runs"))


def test_a_run_that_is_taken_up_again_gives_the_same_predictions(uninterrupted: RunFolder, tmp_path: Path) -> None:
    run(tmp_path, 2)  # the second half loads the Gaussians and the gallery that the first half saved
    for resumed, whole in zip(predictions(run(tmp_path)), predictions(uninterrupted), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_the_refined_poses_are_nearer_than_the_retrieved_ones(uninterrupted: RunFolder) -> None:
    metrics = evaluate(uninterrupted)
    assert metrics["pose"]["rotation_deg_median"] < 0.5 * metrics["pose"]["coarse"]["rotation_deg_median"]
    assert metrics["pixel_auroc"] > 0.9
    assert metrics["partial"]


def test_the_weights_in_use_are_recorded_with_their_hashes(uninterrupted: RunFolder) -> None:
    weights = uninterrupted.info["weights"]
    assert any("efficientnet" in name for name in weights)
    assert any("xfeat" in name for name in weights)
    assert all(len(sha256) == 64 for sha256 in weights.values())


def test_the_fitted_gaussians_are_a_standard_ply(uninterrupted: RunFolder) -> None:
    head = (uninterrupted.path / "model" / "01Duck" / "representation" / "point_cloud.ply").read_bytes()[:2000]
    assert head.startswith(b"ply\nformat binary_little_endian 1.0")
    for name in (b"f_dc_0", b"opacity", b"scale_2", b"rot_3"):
        assert b"property float " + name in head
