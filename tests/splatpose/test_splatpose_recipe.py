"""The recipe splatpose: the paper's numbers, and from images to stored predictions in miniature."""

from __future__ import annotations

from pathlib import Path

from padbench.evaluate import evaluate
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import Unit

SIZE = 128
MINIATURE = ("representation.iterations=400", "representation.gaussians=2500", "pose.1.steps=80")


def test_the_paper_profile_holds_the_papers_numbers() -> None:
    recipe = resolve_method(load_plugins(), "splatpose", "paper").to_dict()
    assert recipe["protocol"] == "pad"
    assert recipe["image_size"] == 400
    assert recipe["representation"]["iterations"] == 30_000
    retrieval, pose = recipe["pose"]
    assert retrieval["name"] == "loftr"
    assert (pose["steps"], pose["ssim_weight"], pose["initial_deviation"]) == (175, 0.2, 1e-6)
    assert (pose["first_learning_rate"], pose["learning_rate"], pose["decay"]) == (0.001, 0.01, 0.8)
    assert recipe["detector"] == {
        "name": "feature-mse",
        "extractor": "tf_efficientnet_b4",
        "input_size": 224,
        "strides": [2, 4, 8, 16],
        "smoothing": 4.0,
    }


def test_the_refined_poses_are_nearer_than_the_retrieved_ones(tmp_path: Path) -> None:
    plugins = load_plugins()
    method = resolve_method(plugins, "splatpose", "lite", MINIATURE, SIZE)
    dataset = plugins.resolve("dataset", "bricks")(None, image_size=SIZE)
    settings = Settings(tmp_path, "cpu", 1, 4, False, SilentProgress())
    result = run_unit(Unit("bricks", "splatpose", "lite", "01Duck", 0), method, dataset, plugins, settings)
    metrics = evaluate(result)
    assert metrics["protocol"] == "pad"
    assert metrics["pose"]["rotation_deg_median"] < 0.5 * metrics["pose"]["coarse"]["rotation_deg_median"]
    assert metrics["pixel_auroc"] > 0.9
