"""Every number that a paper states is in its recipe or fixed in the code, or the recipe says that it differs."""

from __future__ import annotations

from typing import Any

import pytest

from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from paper.published import PUBLISHED, SAME, Constant, Deviation, Place, Recipe, Unset

PLUGINS = load_plugins()

PAD = "the authors' code at github.com/EricLee0224/PAD"
SPLATPOSE = "SplatPose & Detect"
IGSPAD = "IGSPAD"
RPEPAD = "RPE-PAD"
PTAD = "PTAD"
KERBL = "3DGS of Kerbl et al. 2023, whose settings SplatPose 4.3 says it uses"

# What `PUBLISHED` does not have: the names of the parts, Kerbl's numbers, the baselines.
# Method, path in the resolved recipe, value, where the value is stated.
STATED: list[tuple[str, str, Any, str]] = [
    ("omniposead", "representation.field", "vanilla", "PAD 4.2"),
    ("omniposead", "representation.width", 256, "PAD 4.2: nerf-pytorch"),
    ("omniposead", "pose.1.decay", 0.8, f"{PAD}: lr * 0.8**((k + 1) / 100)"),
    ("omniposead", "pose.1.beta1", 0.9, f"{PAD}: Adam"),
    ("omniposead", "pose.1.beta2", 0.999, f"{PAD}: Adam"),
    ("splatpose", "representation.name", "3dgs", f"{SPLATPOSE} 4.3"),
    ("splatpose", "representation.ssim_weight", 0.2, KERBL),
    ("splatpose", "representation.means_lr", 1.6e-4, KERBL),
    ("splatpose", "representation.means_lr_final", 1.6e-6, KERBL),
    ("splatpose", "representation.log_scales_lr", 5e-3, KERBL),
    ("splatpose", "representation.quats_lr", 1e-3, KERBL),
    ("splatpose", "representation.opacity_logits_lr", 5e-2, KERBL),
    ("splatpose", "representation.features_dc_lr", 2.5e-3, KERBL),
    ("splatpose", "pose.0.name", "loftr", f"{SPLATPOSE} 3.2"),
    ("splatpose", "detector.input_size", 224, f"{PAD}: scoring"),
    ("splatpose", "detector.smoothing", 4.0, f"{PAD}: gaussian sigma"),
    ("igspad", "pose.0.name", "lightglue", f"{IGSPAD} 3.2.2"),
    ("igspad", "pose.1.late_learning_rate", 0.001, f"{IGSPAD} 4.1.3"),
    ("igspad", "pose.1.late_from", 200, f"{IGSPAD} 4.1.3"),
    ("igspad", "detector.smoothing", 0.0, f"{IGSPAD} Eq. 5: no smoothing"),
    ("rpe-pad", "pose.0.matcher", "loftr", RPEPAD),
    ("rpe-pad", "pose.0.novel_views", 3, f"{RPEPAD}: M"),
    ("rpe-pad", "pose.0.sigma_r", 0.02, RPEPAD),
    ("rpe-pad", "pose.0.sigma_t", 0.1, RPEPAD),
    ("rpe-pad", "pose.1.matcher", "loftr", RPEPAD),
    ("rpe-pad", "pose.1.backbone", "resnet50", RPEPAD),
    ("rpe-pad", "pose.1.stages", 5, f"{RPEPAD}: H/32 x W/32"),
    ("rpe-pad", "pose.1.frozen_stages", 0, f"{RPEPAD}: nothing is said to be frozen"),
    ("rpe-pad", "pose.1.late_learning_rate", 0.0001, RPEPAD),
    ("rpe-pad", "pose.1.late_from", 20, RPEPAD),
    ("rpe-pad", "pose.1.decay", "step", RPEPAD),
    *((method, "detector.strides", [2, 4, 8, 16], PAD) for method in ("omniposead", "splatpose", "rpe-pad")),
    *(
        (method, path, value, source)
        for method in ("ptad", "ptad-depth-anything", "ptad-multi-view")
        for path, value, source in (
            ("image_size", 256, f"{PTAD} 4.1"),
            ("representation.name", "mesh2splat", f"{PTAD} 3.2"),
            ("representation.scale", 0.65, f"{PTAD} 4.1"),
            ("representation.density", 0.5, f"{PTAD} 4.1"),
            ("detector.name", "mmpdn", f"{PTAD} 3.3"),
            ("detector.input_size", 256, f"{PTAD} 4.1"),
            ("detector.width", 64, f"{PTAD} 3.3: ResNet18"),
            ("detector.pretrained", True, f"{PTAD} 3.3: retrained"),
            ("detector.epochs", 20, f"{PTAD} 4.1"),
            ("detector.batch_size", 16, f"{PTAD} 4.1"),
            ("detector.learning_rate", 2e-5, f"{PTAD} 4.1"),
            ("detector.decay", "none", f"{PTAD} 4.1"),
            ("detector.training_poses", "estimated", f"{PTAD} 3.2"),
        )
    ),
    *(
        (method, path, value, source)
        for method in ("ptad", "ptad-depth-anything")
        for path, value, source in (
            ("pose.0.name", "chamfer", f"{PTAD} Eq. 3: all 20 reference masks"),
            ("pose.1.name", "mask", f"{PTAD} Eq. 7"),
            ("pose.1.steps", 150, f"{PTAD} 4.1: k"),
            ("pose.1.candidates", 1, f"{PTAD} Eq. 3: the smallest distance wins"),
        )
    ),
    ("ptad-depth-anything", "detector.sees", "edges of depth", f"{PTAD}, supplement 2.1"),
    ("ptad-multi-view", "pose.0.views", 20, f"{PTAD} 4.1: N"),
    ("resnet18-fpn", "image_size", 256, f"{PTAD} 4.1"),
    ("resnet18-fpn", "detector.width", 64, f"{PTAD} Table 1: ResNet18"),
]

# Method, the start of the sentence that says so, where the paper states something else.
DEVIATING = [
    ("omniposead", "nerf: nerfstudio's field: the colour comes from two layers of 128", "PAD 4.2: nerf-pytorch"),
    ("omniposead", "nerf: rays are sampled inside a ball", f"{PAD}: near 2, far 6"),
    ("omniposead", "nerf: iterations, rays and learning rates of the training are not stated", "PAD"),
    ("omniposead", "inerf: key points of XFeat, the detector is not stated", "PAD"),
    ("omniposead", "loftr: trained on MegaDepth", f"{SPLATPOSE} 2.2.3"),
    ("splatpose", "3dgs: 100,000 random initial Gaussians, their number kept", KERBL),
    ("splatpose", "splatpose: the rates of the reference code (0.01", f"{SPLATPOSE} 4.3: 0.001"),
    ("splatpose", "splatpose: the exact exponential of the screw axis", f"{SPLATPOSE} Eq. 5"),
    ("igspad", "3dgs: 100,000 random initial Gaussians, their number kept", IGSPAD),
    ("igspad", "lightglue: key points and descriptors of XFeat", f"{IGSPAD} 3.2.2"),
    ("igspad", "igs: optimiser (Adam), k (30 px at 800 px", f"{IGSPAD} 4.1.3"),
    ("igspad", "feature-cosine: average pooling over 3x3 locations", f"{IGSPAD} Eq. 6"),
    ("rpe-pad", "RAD: the longer side has 800 px", f"{RPEPAD}: 1291 x 721"),
    ("rpe-pad", "3dgs: 100,000 random initial Gaussians, their number kept", RPEPAD),
    ("rpe-pad", "irprn: t12 = t2 - R12 t1", f"{RPEPAD} Eq. 1"),
    ("rpe-pad", "rvss: sigma_r is the noise of the quaternion", RPEPAD),
    ("rpe-pad", "irprn: optimiser (Adam), input size", RPEPAD),
    ("ptad", "mask: rates of 0.05 falling to 0.005", f"{PTAD} 4.1"),
    ("ptad", "mesh2splat: shrinks the mesh", f"{PTAD} 3.2"),
    ("ptad", "mmpdn: the widths of pyramid and heads", f"{PTAD} 3.3"),
    ("ptad-multi-view", "those of ptad's detector; the distances to the reference views are averaged", f"{PTAD} 4.3"),
    ("ptad-depth-anything", "those of ptad; Depth Anything V2 Small", f"{PTAD}, supplement 2.1"),
    ("resnet18-fpn", "trained as PTAD's own network is", f"{PTAD} Table 1"),
    ("vit-tiny", "ViT-Ti/16 from scratch", f"{PTAD} Table 1"),
]


ENTRIES = [
    pytest.param(method, stated, place, id=f"{method}: {key}")
    for method, (table, _) in PUBLISHED.items()
    for key, (stated, place) in table.items()
    if not isinstance(place, Unset)
]


@pytest.mark.parametrize(("method", "stated", "place"), ENTRIES)
def test_what_a_paper_states_is_where_the_table_says(method: str, stated: Any, place: Place) -> None:
    if isinstance(place, Recipe):
        expected = stated if place.value is SAME else place.value
        found = at(resolve_method(PLUGINS, place.method or method, "paper").to_dict(), place.path)
        if isinstance(expected, dict):
            found = {key: found[key] for key in expected}
        assert found == expected
    elif isinstance(place, Constant):
        expected = stated if place.value is SAME else place.value
        assert place.read() == (pytest.approx(expected, rel=place.share) if place.share else expected)
    elif isinstance(place, Deviation):
        deviations = resolve_method(PLUGINS, place.method or method, "paper").deviations
        assert sum(place.fragment in deviation for deviation in deviations) == 1, deviations


def test_only_results_hardware_and_options_of_a_run_are_set_by_nothing() -> None:
    unset = {key for table, _ in PUBLISHED.values() for key, (_, place) in table.items() if isinstance(place, Unset)}
    assert {key.rpartition(".")[2] for key in unset} == {
        *("runtime", "gpu", "baselines", "generalisation_test", "vlfa", "total"),  # measured, or of another method
        *("seed", "runs", "steps_swept", "sparse_views_percent", "sampling_ratios_percent", "ablation_rows"),  # options
        *("pose_error_split", "normalise"),
    }


@pytest.mark.parametrize("method", PUBLISHED)
def test_no_key_of_the_texts_is_left_out(method: str) -> None:
    table, number = PUBLISHED[method]
    assert len(table) == number


def at(recipe: Any, path: str) -> Any:
    for key in path.split("."):
        recipe = recipe[int(key)] if isinstance(recipe, list) else recipe[key]
    return recipe


@pytest.mark.parametrize("method", sorted({row[0] for row in STATED}))
def test_the_recipe_has_what_its_paper_states(method: str) -> None:
    recipe = resolve_method(PLUGINS, method, "paper").to_dict()
    expected = {path: value for name, path, value, _ in STATED if name == method}
    assert {path: at(recipe, path) for path in expected} == expected


@pytest.mark.parametrize(("method", "sentence", "source"), DEVIATING)
def test_what_differs_from_the_paper_is_said(method: str, sentence: str, source: str) -> None:
    deviations = resolve_method(PLUGINS, method, "paper").deviations
    assert sum(deviation.startswith(sentence) for deviation in deviations) == 1, f"{source}; {deviations}"


def test_no_method_of_a_paper_is_left_out() -> None:
    """silhouette is of no paper."""
    tables = {row[0] for row in STATED} & {row[0] for row in DEVIATING} | {"vit-tiny"}
    assert tables == {row.name for row in PLUGINS.registered("method")} - {"silhouette"}
