"""The recipe: what the paper states stands in its profile, and the rows of its ablation are overrides of parameters."""

from __future__ import annotations

import pytest

from padbench.methods import Method, resolve_method
from padbench.plugins import load_plugins

PLUGINS = load_plugins()
NO_RVSS = ("pose.0.novel_views=0", "pose.1.novel_views=0")
ABLATION = {
    1: (*NO_RVSS, "pose.1.refinement_layers=0", "pose.1.top_views=1"),
    2: ("pose.1.refinement_layers=0", "pose.1.top_views=1"),
    3: ("pose.1.top_views=1",),
    4: ("pose.1.refinement_layers=0",),
    5: (),
}


def resolved(profile: str, overrides: tuple[str, ...] = ()) -> Method:
    return resolve_method(PLUGINS, "rpe-pad", profile, overrides)


def test_the_paper_profile_has_the_published_settings() -> None:
    method = resolved("paper")
    assert method.representation is not None
    assert method.representation.parameters["iterations"] == 30_000
    assert method.image_size == 800
    stated = {
        "novel_views": 3,
        "sigma_r": 0.02,
        "sigma_t": 0.1,
        "matcher": "loftr",
        "top_views": 3,
        "refinement_layers": 3,
        "backbone": "resnet50",
        "epochs": 35,
        "learning_rate": 1e-3,
        "late_learning_rate": 1e-4,
        "late_from": 20,
        "batch_size": 32,
        "decay": "step",
        "random_directions": False,
    }
    parameters = method.pose[1].parameters
    assert {name: parameters[name] for name in stated} == stated


def test_both_links_of_the_paper_make_the_same_novel_views() -> None:
    retrieval, network = resolved("paper").pose
    for name in ("novel_views", "sigma_r", "sigma_t", "matcher", "max_keypoints", "min_cosine"):
        assert retrieval.parameters[name] == network.parameters[name]


def test_queries_of_lite_are_matched_with_training_views_alone() -> None:
    retrieval, network = resolved("lite").pose
    assert retrieval.parameters["novel_views"] == 0
    assert network.parameters["novel_views"] > 0


@pytest.mark.parametrize("profile", ["paper", "lite"])
def test_the_rows_of_the_ablation_are_five_methods(profile: str) -> None:
    methods = {row: resolved(profile, overrides) for row, overrides in ABLATION.items()}
    assert len({method.hash() for method in methods.values()}) == 5
    for row, method in methods.items():
        parameters = method.pose[1].parameters
        assert (parameters["novel_views"] > 0) == (row != 1)
        assert (parameters["refinement_layers"] > 0) == (row in (3, 5))
        assert (parameters["top_views"] > 1) == (row in (4, 5))
