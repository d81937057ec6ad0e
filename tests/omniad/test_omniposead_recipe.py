"""The recipe omniposead: the published numbers, and from images to stored predictions in miniature."""

from __future__ import annotations

import pytest

from padbench.evaluate import evaluate
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit

SIZE = 96
QUERIES = 2
MINIATURE = (
    "representation.iterations=200",
    "representation.rays=384",
    "representation.samples=16",
    "representation.fine_samples=12",
    "representation.log2_table_size=13",
    "pose.1.steps=100",
    "pose.1.rays=128",
)


def test_the_profile_paper_has_the_published_numbers() -> None:
    """As read from the authors' code: 400 px, 64 + 64 samples, 300 steps, 0.01 * 0.8^((k + 1) / 100), 3072 rays."""
    method = resolve_method(load_plugins(), "omniad-nerf", "paper")
    assert (method.name, method.image_size, method.protocol) == ("omniposead", 400, "pad")
    assert method.representation is not None
    nerf, inerf = method.representation.parameters, method.pose[1].parameters
    assert (nerf["field"], nerf["width"], nerf["samples"], nerf["fine_samples"]) == ("vanilla", 256, 64, 64)
    assert (method.pose[0].name, method.detector.name) == ("loftr", "feature-mse")
    assert (inerf["steps"], inerf["learning_rate"], inerf["decay"], inerf["rays"]) == (300, 0.01, 0.8, 3072)
    assert (inerf["kernel_size"], inerf["dilations"]) == (5, 3)
    assert (inerf["beta1"], inerf["beta2"]) == (0.9, 0.999)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    pytest.importorskip("nerfstudio")
    plugins = load_plugins()
    method = resolve_method(plugins, "omniposead", "lite", MINIATURE, SIZE)
    dataset = plugins.resolve("dataset", "bricks")(None, image_size=SIZE)
    settings = Settings(tmp_path_factory.mktemp("runs"), "cpu", 1, QUERIES, False, SilentProgress())
    return run_unit(Unit("bricks", "omniposead", "lite", "01Duck", 0), method, dataset, plugins, settings)


def test_the_refined_poses_are_nearer_than_the_retrieved_ones(run: RunFolder) -> None:
    metrics = evaluate(run)
    assert metrics["pose"]["rotation_deg_median"] < 0.5 * metrics["pose"]["coarse"]["rotation_deg_median"]
    assert metrics["pixel_auroc"] > 0.8


def test_the_trainings_are_recorded_with_the_model(run: RunFolder) -> None:
    folder = run.path / "model" / "01Duck" / "representation"
    assert {path.name for path in folder.iterdir()} == {"nerf.safetensors", "training.json"}
    assert '"passed": true' in (folder / "training.json").read_text()
