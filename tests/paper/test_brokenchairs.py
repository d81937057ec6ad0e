"""ptad, its variants and its baselines in the profile `paper`: full-size networks, few images, one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.scene import LabelledImage, Task
from padbench.store import RunFolder, Unit
from padbench_datasets.brokenchairs import BrokenChairsDataset
from padbench_datasets.chairs.making import Extent, make_chairs
from paper.random_networks import WriteWeights, needs_transformers

SIZE = 64
QUERIES = 1
POSES = ("pose.1.steps=1", "representation.resolution=64")


class FewLabels(BrokenChairsDataset):
    """Chairs of which one normal and one broken image are labelled."""

    def task(self, name: str) -> Task:
        task = super().task(name)
        return replace(task, fit=[replace(scene, labelled=_one_of_each(scene.labelled)) for scene in task.fit])


def _one_of_each(labelled: Sequence[LabelledImage]) -> list[LabelledImage]:
    return [next(image for image in labelled if image.anomalous == broken) for broken in (False, True)]


@pytest.fixture(scope="module")
def chairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chairs")
    make_chairs(root, Extent(training=1, validation=0, test=1, size=SIZE), SilentProgress(), processes=1)
    return root


def run(method: str, chairs: Path, out: Path, *overrides: str) -> RunFolder:
    plugins = load_plugins()
    resolved = resolve_method(plugins, method, "paper", ("detector.epochs=1", *overrides), SIZE)
    dataset = FewLabels(chairs, image_size=SIZE)
    settings = Settings(out, "cpu", 1, QUERIES, False, SilentProgress())
    return run_unit(Unit("brokenchairs", method, "paper", "chair", 0), resolved, dataset, plugins, settings)


@pytest.mark.parametrize(
    ("method", "networks", "overrides", "posed"),
    [
        ("ptad", ["ResNet-18"], POSES, True),
        ("ptad", ["ResNet-18"], (*POSES, "detector.comparison=attention"), True),
        ("ptad-multi-view", ["ResNet-18"], ("representation.resolution=64", "pose.0.views=2"), False),
        pytest.param("ptad-depth-anything", ["ResNet-18", "Depth Anything"], POSES, True, marks=needs_transformers),
        ("resnet18-fpn", ["ResNet-18"], (), False),
        ("vit-tiny", [], (), False),
    ],
    ids=["ptad", "ptad by attention (C)", "ptad-multi-view (B)", "ptad-depth-anything", "resnet18-fpn", "vit-tiny"],
)
def test_the_published_network_learns_and_judges(
    method: str,
    networks: list[str],
    overrides: tuple[str, ...],
    posed: bool,
    chairs: Path,
    tmp_path: Path,
    random_weights: WriteWeights,
) -> None:
    """One epoch ends with a probability, a box and a map of every query; the weights in use are recorded."""
    weights = random_weights(*networks)
    result = run(method, chairs, tmp_path / "runs", *overrides)
    table = result.predictions()
    assert len(table) == QUERIES and table["error"].isna().all()
    assert table["image_score"].between(0, 1).all() and (table["threshold"] == 0.5).all()
    for _, row in table.iterrows():
        assert result.anomaly_map(row).shape == (SIZE, SIZE)
        assert np.isfinite(result.anomaly_map(row)).all()
        assert len(row["box"]) == 4 and np.isfinite(row["box"]).all()
        assert (row["world_to_camera"] is not None) == posed
    assert result.info["weights"].keys() == set(weights)
