"""The recipes: what the paper states stands in its profile; baselines are trained as ptad is."""

from __future__ import annotations

from typing import Any

import pytest

from padbench.methods import resolve_method
from padbench.plugins import load_plugins

PLUGINS = load_plugins()
TRAINING = ("epochs", "batch_size", "decay", "weight_decay", "box_weight", "augment", "input_size")


def detector(method: str, profile: str) -> dict[str, Any]:
    return resolve_method(PLUGINS, method, profile).detector.parameters


def test_the_paper_profile_has_the_published_settings() -> None:
    """Section 4.1: 256 px, scale 0.65, density 0.5, 150 iterations, 20 epochs, batches of 16, Adam at 2e-5."""
    method = resolve_method(PLUGINS, "ptad", "paper")
    assert method.image_size == 256 and method.reference == "mesh"
    assert method.representation is not None
    gaussians = method.representation.parameters
    assert (gaussians["scale"], gaussians["density"]) == (0.65, 0.5)
    assert [link.name for link in method.pose] == ["chamfer", "mask"]
    assert (method.pose[1].parameters["steps"], method.pose[1].parameters["candidates"]) == (150, 1)
    stated = {"epochs": 20, "batch_size": 16, "learning_rate": 2e-5, "weight_decay": 0.0, "decay": "none", "width": 64}
    parameters = detector("ptad", "paper")
    assert {name: parameters[name] for name in stated} == stated
    assert parameters["training_poses"] == "estimated" and parameters["sees"] == "colours"


def test_the_unimodal_variant_differs_in_what_it_sees_alone() -> None:
    """Identical training settings (supplement, 2.1)."""
    colours, edges = detector("ptad", "paper"), detector("ptad-depth-anything", "paper")
    assert edges == colours | {"sees": "edges of depth"}


@pytest.mark.parametrize("profile", ["paper", "lite"])
@pytest.mark.parametrize("baseline", ["resnet18-fpn", "vit-tiny"])
def test_single_image_baselines_have_the_training_of_ptad(baseline: str, profile: str) -> None:
    """Else the difference would not be the reference's. A transformer needs another rate from scratch."""
    ours, theirs = detector("ptad", profile), detector(baseline, profile)
    same = [name for name in TRAINING if not (baseline == "vit-tiny" and name == "input_size")]
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}
    if baseline == "resnet18-fpn":
        network = ("width", "pretrained", "pyramid_width", "hidden", "learning_rate")
        assert {name: theirs[name] for name in network} == {name: ours[name] for name in network}
    method = resolve_method(PLUGINS, baseline, profile)
    assert method.representation is None and not method.pose and method.reference == "images"


@pytest.mark.parametrize("profile", ["paper", "lite"])
def test_silhouette_looks_from_the_poses_of_ptad(profile: str) -> None:
    """So that it says what the trained network adds."""
    ptad, silhouette = (resolve_method(PLUGINS, name, profile) for name in ("ptad", "silhouette"))
    assert [link.to_dict() for link in silhouette.pose] == [link.to_dict() for link in ptad.pose]
    assert silhouette.representation == ptad.representation and silhouette.image_size == ptad.image_size
