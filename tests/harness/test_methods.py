"""Recipes: nothing left to defaults, nothing unknown accepted."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import yaml

from harness.toy import RECIPE, toy_plugins
from padbench.errors import UserError
from padbench.methods import Method, describe_difference, resolve_method
from padbench.plugins import Origin, Plugins, load_plugins
from padbench.recipes import alias_clashes, read_recipe


def resolve(folder: Path, *overrides: str, recipe: str = RECIPE) -> Method:
    return resolve_method(toy_plugins(folder, recipe), "toy", "lite", overrides)


def test_a_resolved_recipe_states_every_default(tmp_path: Path) -> None:
    assert resolve(tmp_path).to_dict() == {
        "method": "toy",
        "variant": None,
        "profile": "lite",
        "protocol": "native",
        "reference": "posed-views",
        "image_size": 12,
        "batch_size": 1,
        "views": 1.0,
        "training_share": 1.0,
        "representation": {"name": "mean-view", "gain": 1.0, "iterations": 2},
        "pose": [{"name": "first-view"}, {"name": "nudge"}],
        "detector": {"name": "difference", "power": 1, "mode": "mean"},
        "deviations": ["it is a toy"],
    }


def test_overrides_reach_components_and_change_the_hash(tmp_path: Path) -> None:
    method = resolve(tmp_path, "representation.gain=1e-3", "batch_size=4", "representation.iterations=7")
    assert method.representation is not None
    assert method.representation.parameters == {"gain": 0.001, "iterations": 7}
    assert method.batch_size == 4
    assert method.hash() != resolve(tmp_path).hash()
    assert resolve(tmp_path, "representation.gain=1.0").hash() == resolve(tmp_path).hash()


def test_the_name_of_a_variant_is_no_part_of_its_hash(tmp_path: Path) -> None:
    plugins = toy_plugins(tmp_path)
    overrides = ("representation.gain=2.0", "batch_size=3")
    unnamed = resolve_method(plugins, "toy", "lite", overrides)
    named = resolve_method(plugins, "toy", "lite", overrides, label="bright toy")
    assert (unnamed.label, named.label) == ("toy[batch_size=3,representation.gain=2.0]", "bright toy")
    assert named.to_dict()["variant"] == {"label": "bright toy", "set": list(overrides)}
    assert unnamed.hash() == named.hash() != resolve(tmp_path).hash()
    assert resolve(tmp_path).label == "toy"
    assert resolve_method(plugins, "toy", "lite", image_size=24).image_size == 24


def test_a_replaced_component_starts_from_its_own_defaults(tmp_path: Path) -> None:
    recipe = RECIPE.replace("{name: mean-view}", "{name: mean-view, gain: 3.0}")
    method = resolve(tmp_path, "pose.0.name=nudge", "representation.name=mean-view", recipe=recipe)
    assert [component.name for component in method.pose] == ["nudge", "nudge"]
    assert method.representation is not None
    assert method.representation.parameters["gain"] == 3.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("representation.gian=2", "no parameter 'gian': did you mean 'gain'"),
        ("representation.iterations=2.5", "iterations must be int, not 2.5"),
        ("representation.iterations=true", "iterations must be int, not True"),
        ("representation.gain=fast", "gain must be float, not 'fast'"),
        ("representation.gain=.nan", "gain must be float, not nan"),
        ("pose=5", "name a parameter"),
        ("representation=5", "name a parameter"),
        ("detecter.power=2", "no such key 'detecter': did you mean 'detector'"),
        ("pose.2.steps=1", "no such key '2'"),
        ("pose.1.steps=1", "no parameter 'steps'"),
        ("pose.1=nudge", "name a parameter"),
        ("batchsize=2", "did you mean 'batch_size'"),
        ("batch_size=0", "positive whole number"),
        ("views=0", "share in (0, 1]"),
        ("views=1.5", "share in (0, 1]"),
        ("views=true", "share in (0, 1]"),
        ("protocol=mine", "unknown scoring protocol 'mine'"),
        ("detector.name=diference", "did you mean 'difference'"),
        ("representation.gain", "must be path=value"),
        ("representation.gain=[1", "not YAML"),
    ],
)
def test_wrong_overrides_are_refused_with_the_nearest_valid_key(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(tmp_path, override)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("reference: posed-views", "reverence: posed-views"), "unknown key 'reverence': did you mean 'reference'"),
        (("summary:", "sumary:"), "unknown key 'sumary'"),
        (("  lite:\n", "  light:\n"), "profile 'light'"),
        (("detector: {name: difference}", ""), "names no detector"),
        (("{name: mean-view}", "mean-view"), "must be a mapping with a name"),
        (("summary:", "aliases: toy-2\nsummary:"), "aliases must be a list of names, not 'toy-2'"),
        (("{name: mean-view}", "{name: mean-view, gian: 1}"), "no parameter 'gian'"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(tmp_path, recipe=RECIPE.replace(*change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_methods_and_profiles_offer_the_known(tmp_path: Path) -> None:
    plugins = toy_plugins(tmp_path)
    with pytest.raises(UserError, match="unknown method 'toi': did you mean 'toy'"):
        resolve_method(plugins, "toi", "lite")
    with pytest.raises(UserError, match=r"no profile 'paper'.*lite"):
        resolve_method(plugins, "toy", "paper")


def two_methods(folder: Path, first: str, second: str) -> Plugins:
    """The toy with the aliases `first`, and another method of another package with the aliases `second`."""
    plugins = toy_plugins(folder, RECIPE.replace("summary:", f"aliases: [{first}]\nsummary:"))
    other = folder / "other.yaml"
    other.write_text(RECIPE.replace("summary:", f"aliases: [{second}]\nsummary:"))
    module = ModuleType("other_plugin")
    module.padbench_register = lambda registry: registry.method("other", other)  # type: ignore[attr-defined]
    module.padbench_api_version = 1  # type: ignore[attr-defined]
    plugins.add(module, Origin("others", "2.0", "other_plugin"))
    assert not plugins.broken
    return plugins


def test_an_alias_stands_for_its_method(tmp_path: Path) -> None:
    plugins = two_methods(tmp_path, "nerf-toy, old-toy", "")
    by_alias = resolve_method(plugins, "old-toy", "lite")
    assert by_alias.name == by_alias.label == "toy"
    assert by_alias.hash() == resolve_method(plugins, "toy", "lite").hash()
    assert alias_clashes(plugins) == []
    with pytest.raises(UserError, match="unknown method 'ner-toy': did you mean 'nerf-toy'"):
        resolve_method(plugins, "ner-toy", "lite")


def test_an_alias_of_two_methods_is_an_error_that_names_both(tmp_path: Path) -> None:
    plugins = two_methods(tmp_path, "shared", "shared")
    with pytest.raises(UserError) as caught:
        resolve_method(plugins, "shared", "lite")
    for part in ("'shared'", "'toy' of toy_plugin (toys 1.0)", "'other' of other_plugin (others 2.0)"):
        assert part in str(caught.value)
    assert alias_clashes(plugins) == [str(caught.value)]
    assert resolve_method(plugins, "other", "lite").name == "other"


def test_a_method_comes_before_another_methods_alias(tmp_path: Path) -> None:
    plugins = two_methods(tmp_path, "other", "")
    assert resolve_method(plugins, "other", "lite").name == "other"
    (sentence,) = alias_clashes(plugins)
    assert "'other' is an alias of 'toy'" in sentence and "other_plugin" in sentence


def test_a_recipe_that_cannot_be_read_has_no_alias(tmp_path: Path) -> None:
    plugins = two_methods(tmp_path, "old-toy", "")
    (tmp_path / "other.yaml").write_text("{")
    assert resolve_method(plugins, "old-toy", "lite").name == "toy"


def test_the_built_in_aliases_are_distinct() -> None:
    assert alias_clashes(load_plugins()) == []


def test_differences_are_named(tmp_path: Path) -> None:
    old = resolve(tmp_path).to_dict()
    new = resolve(tmp_path, "representation.gain=2.0").to_dict()
    assert describe_difference(old, new) == "representation.gain 1.0 -> 2.0"


@pytest.mark.parametrize("profile", ["paper", "lite"])
def test_the_built_in_recipes_resolve(profile: str) -> None:
    plugins = load_plugins()
    for registration in plugins.registered("method"):
        if profile not in read_recipe(Path(registration.target))["profiles"]:
            assert registration.name == "ptad-depth-anything", "whose weights come as no package"
            continue
        method = resolve_method(plugins, registration.name, profile)
        assert yaml.safe_load(yaml.safe_dump(method.to_dict())) == method.to_dict()
