"""PTAD and its baselines from command to board, on two training chairs and a test chair of 64 px."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from padbench.evaluate import evaluate, write_pictures
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit
from padbench_datasets.chairs.making import Extent, make_chairs
from ptad.test_training import Dying, Killed, digest

SIZE = 64
TINY = ("image_size=64", "detector.input_size=64", "detector.epochs=2", "detector.width=8")
POSES = ("pose.1.steps=3", "pose.1.candidates=1", "representation.resolution=64")


@pytest.fixture(scope="module")
def chairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chairs")
    make_chairs(root, Extent(training=2, validation=0, test=1, size=SIZE), SilentProgress(), processes=1)
    return root


def run(method: str, chairs: Path, out: Path, *overrides: str, progress: SilentProgress | None = None) -> RunFolder:
    plugins = load_plugins()
    resolved = resolve_method(plugins, method, "lite", overrides)
    dataset = plugins.resolve("dataset", "brokenchairs")(chairs, image_size=resolved.image_size)
    settings = Settings(out, "cpu", 1, None, False, progress or SilentProgress())
    return run_unit(Unit("brokenchairs", method, "lite", "chair", 0), resolved, dataset, plugins, settings)


def test_ptad_ends_with_metrics_boxes_and_pictures(chairs: Path, tmp_path: Path) -> None:
    """Every figure of the issue's boards is there, and every picture; the reference shown is its depth."""
    result = run("ptad", chairs, tmp_path, *TINY, *POSES)
    metrics = evaluate(result)
    assert metrics["queries"] == 12 and metrics["failed_queries"] == 0
    assert {"auc", "accuracy", "mean_iou", "image_auroc", "pixel_auroc", "pose", "by_defect"} <= metrics.keys()
    assert set(metrics["by_defect"]) == {"position", "rotate", "missing", "damaged", "swapped"}
    assert all({"accuracy", "mean_iou"} <= of_defect.keys() for of_defect in metrics["by_defect"].values())
    assert set(metrics["seconds"]) == {"fit.representation", "fit.pose", "fit.detector", "query"}
    assert len(write_pictures(result)) == 12
    table = result.predictions()
    assert (table["threshold"] == 0.5).all() and table["image_score"].between(0, 1).all()
    with Image.open(result.path / "renders" / f"{table['id'][0]}.png") as image:
        depth = np.asarray(image)
    assert (depth == depth[..., :1]).all()
    assert depth.min() < 20 and depth.max() == 255


def test_the_pose_chain_is_fitted_for_test_chairs_alone(chairs: Path, tmp_path: Path) -> None:
    """Training takes depth at true poses: it needs the Gaussians of the training chairs, not their silhouettes."""
    model = run("ptad", chairs, tmp_path, *TINY, *POSES).path / "model"
    assert {path.name: sorted(child.name for child in path.iterdir()) for path in model.iterdir()} == {
        "0000000": ["representation"],
        "0000001": ["representation"],
        "9000000": ["pose.0", "pose.1", "representation"],
        "detector": ["network.safetensors"],
    }


def test_a_run_killed_in_training_ends_as_an_uninterrupted_one(chairs: Path, tmp_path: Path) -> None:
    """Weights and predictions bit for bit."""
    whole = run("ptad", chairs, tmp_path / "whole", *TINY, *POSES)
    with pytest.raises(Killed):
        run("ptad", chairs, tmp_path / "killed", *TINY, *POSES, progress=Dying(1))
    resumed = run("ptad", chairs, tmp_path / "killed", *TINY, *POSES)
    weights = [result.path / "model/detector/network.safetensors" for result in (whole, resumed)]
    assert digest(weights[0]) == digest(weights[1])
    columns = ["id", "image_score", "map_offset", "map_scale"]
    assert whole.predictions()[columns].equals(resumed.predictions()[columns])


@pytest.mark.parametrize(
    ("method", "overrides"),
    [
        ("silhouette", ("image_size=64", *POSES)),
        ("resnet18-fpn", TINY),
        ("vit-tiny", ("image_size=64", "detector.input_size=64", "detector.epochs=1")),
        ("ptad", (*TINY, *POSES, "detector.training_poses=estimated")),
        ("ptad", (*TINY, *POSES[2:], "pose.1.name=splatpose", "pose.1.steps=2")),
        ("ptad", (*TINY, *POSES, "detector.comparison=attention")),
        ("ptad-multi-view", (*TINY, *POSES[2:])),
        ("ptad-multi-view", (*TINY, *POSES[2:], "detector.comparison=attention")),
    ],
    ids=["silhouette", "resnet18-fpn", "vit-tiny", "estimated poses", "splatpose adapted", "C", "B", "A"],
)
def test_baselines_and_variants_run(method: str, overrides: tuple[str, ...], chairs: Path, tmp_path: Path) -> None:
    """To the end, with an AUC; what decides has an accuracy."""
    result = run(method, chairs, tmp_path, *overrides)
    metrics = evaluate(result)
    posed = method in ("ptad", "silhouette")
    assert ("pose" in metrics) == posed
    assert len(list((result.path / "renders").glob("*"))) == (12 if posed or method == "ptad-multi-view" else 0)
    assert 0 <= metrics["auc"] <= 1 and metrics["failed_queries"] == 0
    assert ("accuracy" in metrics) == (method != "silhouette")
