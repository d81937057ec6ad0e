"""Recipes: a method as YAML, resolved with a profile and overrides into validated components."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from padbench.errors import UserError, nearest
from padbench.interfaces import Runtime
from padbench.plugins import Plugins
from padbench.recipes import PROFILE_KEYS, find_method, read_recipe

PROTOCOLS = ("native", "pad")
_WITHOUT_EFFECT = ("variant", "deviations")
"""Keys of a resolved recipe that change no result."""


@dataclass(frozen=True)
class Component:
    """A component of a recipe with every parameter stated, defaults included."""

    kind: str
    name: str
    parameters: dict[str, Any]
    factory: Any

    def build(self, runtime: Runtime) -> Any:
        """Construct the component."""
        return self.factory(runtime, **self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """The component as it stands in recipe.yaml."""
        stated = {key: list(value) if isinstance(value, tuple) else value for key, value in self.parameters.items()}
        return {"name": self.name, **stated}


@dataclass(frozen=True)
class Variant:
    """A method that overrides make another one: the name it goes by, and the overrides ("path=value")."""

    label: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """A recipe resolved with a profile and overrides: nothing is left to defaults.

    views: share of each scene's normal views that is fitted on, in (0, 1]. training_share: share of the scenes that
    the detector learns from.
    """

    name: str
    variant: Variant | None
    profile: str
    protocol: str
    reference: str
    image_size: int | None
    batch_size: int
    views: float
    training_share: float
    representation: Component | None
    pose: tuple[Component, ...]
    detector: Component
    deviations: tuple[str, ...]

    @property
    def label(self) -> str:
        """What the method is called in folders and on boards: the variant's label, else its name."""
        return self.variant.label if self.variant else self.name

    def components(self) -> list[Component]:
        """All components in the order in which they are fitted."""
        first = [self.representation] if self.representation else []
        return [*first, *self.pose, self.detector]

    def packages(self) -> set[str]:
        """Import names of the packages the components come from."""
        return {component.factory.__module__.partition(".")[0] for component in self.components()}

    def to_dict(self) -> dict[str, Any]:
        """The content of recipe.yaml."""
        return {
            "method": self.name,
            "variant": {"label": self.variant.label, "set": list(self.variant.overrides)} if self.variant else None,
            "profile": self.profile,
            "protocol": self.protocol,
            "reference": self.reference,
            "image_size": self.image_size,
            "batch_size": self.batch_size,
            "views": self.views,
            "training_share": self.training_share,
            "representation": self.representation.to_dict() if self.representation else None,
            "pose": [component.to_dict() for component in self.pose],
            "detector": self.detector.to_dict(),
            "deviations": list(self.deviations),
        }

    def hash(self) -> str:
        """A sha256 over everything in the recipe that can change a result."""
        content = {key: value for key, value in self.to_dict().items() if key not in _WITHOUT_EFFECT}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def resolve_method(
    plugins: Plugins,
    name: str,
    profile: str,
    overrides: Sequence[str] = (),
    image_size: int | None = None,
    label: str | None = None,
) -> Method:
    """Resolve a registered method.

    name: as registered, or an alias. overrides: "path=value" with the path of a recipe key, such as
    "pose.1.steps=100"; values are YAML. image_size: the override "image_size=..." as a number. label: what the method
    is called with these overrides; default: its name followed by them in brackets.
    Raises UserError for unknown methods, profiles, components and keys, and for wrong values.
    """
    registration = find_method(plugins, name)
    name = registration.name
    if image_size is not None:
        overrides = (*overrides, f"image_size={image_size}")
    recipe = read_recipe(Path(registration.target))
    if profile not in recipe["profiles"]:
        raise UserError(f"method {name!r} has no profile {profile!r}: {nearest(profile, recipe['profiles'])}")
    content = copy.deepcopy(recipe["profiles"][profile])
    content.setdefault("pose", [])
    for override in overrides:
        _apply_override(plugins, content, override)
    where = f"method {name!r}, profile {profile}"
    protocol = content.get("protocol", "native")
    if protocol not in PROTOCOLS:
        raise UserError(f"{where}: unknown scoring protocol {protocol!r}: {nearest(str(protocol), PROTOCOLS)}")
    representation = content.get("representation")
    return Method(
        name=name,
        variant=Variant(label or f"{name}[{','.join(sorted(overrides))}]", tuple(overrides)) if overrides else None,
        profile=profile,
        protocol=protocol,
        reference=recipe["reference"],
        image_size=_positive(content.get("image_size"), f"{where}: image_size"),
        batch_size=_positive(content.get("batch_size", 1), f"{where}: batch_size") or 1,
        views=_share(content.get("views", 1.0), f"{where}: views"),
        training_share=_share(content.get("training_share", 1.0), f"{where}: training_share"),
        representation=_component(plugins, "representation", representation, where) if representation else None,
        pose=tuple(_component(plugins, "pose_estimator", entry, where) for entry in content["pose"]),
        detector=_component(plugins, "detector", content["detector"], where),
        deviations=tuple(recipe["deviations"].get(profile, ())),
    )


def describe_difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Say which keys of two resolved recipes differ, as "pose.1.steps 300 -> 100, ..."."""
    flat_old, flat_new = _flatten(old), _flatten(new)
    keys = sorted(
        key
        for key in flat_old.keys() | flat_new.keys()
        if flat_old.get(key) != flat_new.get(key) and key.partition(".")[0] not in _WITHOUT_EFFECT
    )
    return ", ".join(f"{key} {flat_old.get(key, 'absent')} -> {flat_new.get(key, 'absent')}" for key in keys)


def _component(plugins: Plugins, kind: str, entry: Any, where: str) -> Component:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UserError(f"{where}: a {kind.replace('_', ' ')} must be a mapping with a name, not {entry!r}")
    name = entry["name"]
    factory = plugins.resolve(kind, name)
    signature = _parameters(factory)
    owner = f"{where}: {kind.replace('_', ' ')} {name!r}"
    stated = {key: value for key, value in entry.items() if key != "name"}
    for key, value in stated.items():
        _check_value(owner, key, value, signature)
    parameters = {}
    for key, (default, _) in signature.items():
        if key not in stated and default is inspect.Parameter.empty:
            raise UserError(f"{owner} needs the parameter {key!r}; add it with --set")
        parameters[key] = stated.get(key, default)
    return Component(kind, name, parameters, factory)


def _parameters(factory: Any) -> dict[str, tuple[Any, Any]]:
    """Keyword-only parameters of a component's constructor: name -> (default, type)."""
    initialiser = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(initialiser)
    return {
        name: (parameter.default, hints.get(name, Any))
        for name, parameter in inspect.signature(initialiser).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _check_value(owner: str, key: str, value: Any, signature: dict[str, tuple[Any, Any]]) -> None:
    if key not in signature:
        raise UserError(f"{owner} has no parameter {key!r}: {nearest(key, signature)}")
    expected = signature[key][1]
    if not _fits(value, expected):
        raise UserError(f"{owner}: {key} must be {_type_name(expected)}, not {value!r}")


def _fits(value: Any, expected: Any) -> bool:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is not None and issubclass(origin, Sequence):
        return isinstance(value, list | tuple) and all(_fits(item, arguments[0]) for item in value)
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, expected)


def _type_name(expected: Any) -> str:
    if typing.get_origin(expected) is Literal:
        return "one of " + ", ".join(repr(argument) for argument in typing.get_args(expected))
    return expected.__name__ if inspect.isclass(expected) else str(expected).replace("typing.", "")


def _apply_override(plugins: Plugins, content: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise UserError(f"--set {override!r} must be path=value, such as pose.1.steps=100")
    value = _parse(text, override)
    *parents, key = path.split(".")
    if not parents and key not in PROFILE_KEYS:
        raise UserError(f"--set {override!r}: no such key {key!r}: {nearest(key, PROFILE_KEYS)}")
    target: Any = content
    for part in parents:
        if isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        elif isinstance(target, dict) and isinstance(target.get(part), dict | list):
            target = target[part]
        else:
            known = [str(index) for index in range(len(target))] if isinstance(target, list) else list(target)
            raise UserError(f"--set {override!r}: no such key {part!r}: {nearest(part, known)}")
    if not isinstance(target, dict) or isinstance(target.get(key), dict | list):
        raise UserError(f"--set {override!r}: name a parameter of a component, such as {path}.name")
    if parents and key != "name":
        kind = "pose_estimator" if parents[0] == "pose" else parents[0]
        signature = _parameters(plugins.resolve(kind, target["name"]))
        _check_value(f"--set {override!r}: {kind.replace('_', ' ')} {target['name']!r}", key, value, signature)
    if key == "name" and parents and value != target.get("name"):
        target.clear()  # another component has other parameters: it starts from its own defaults
    target[key] = value


def _parse(text: str, override: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {override!r}: the value is not YAML") from error
    if isinstance(value, str):
        try:
            return float(value)  # YAML 1.1 reads 1e-3 as text
        except ValueError:
            return value
    return value


def _positive(value: Any, what: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"{what} must be a positive whole number, not {value!r}")
    return value


def _share(value: Any, what: str) -> float:
    if not _fits(value, float) or not 0 < value <= 1:
        raise UserError(f"{what} must be a share in (0, 1], not {value!r}")
    return float(value)


def _flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(content, dict):
        items: Any = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    else:
        return {prefix: content}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat.update(_flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat
