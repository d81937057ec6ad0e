"""Recipes as files: a method, its paper, its profiles; found by name or alias without importing a component."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from padbench.errors import UserError, nearest
from padbench.plugins import Plugins, Registration

PROFILES = ("paper", "lite")
_RECIPE_KEYS = {"method", "summary", "reference", "paper", "code", "deviations", "profiles"}
_OPTIONAL_KEYS = {"aliases"}
_SECTION_KEYS = {"paper": ("title", "venue", "year", "url"), "code": ("url", "licence")}
PROFILE_KEYS = {"image_size", "batch_size", "protocol", "views", "training_share", "representation", "pose", "detector"}


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe file; raises UserError when it is not one."""
    try:
        recipe = read_yaml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"recipe {path} cannot be read: {error}") from error
    if not isinstance(recipe, dict):
        raise UserError(f"recipe {path} must be a mapping with the keys {', '.join(sorted(_RECIPE_KEYS))}")
    refuse_unknown(recipe, _RECIPE_KEYS | _OPTIONAL_KEYS, f"recipe {path}")
    missing = sorted(_RECIPE_KEYS - recipe.keys())
    for section, keys in _SECTION_KEYS.items():
        content = recipe.get(section)
        missing += [f"{section}.{key}" for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise UserError(f"recipe {path} lacks {', '.join(missing)}")
    for name, profile in recipe["profiles"].items():
        if name not in PROFILES:
            raise UserError(f"recipe {path} has the profile {name!r}: {nearest(name, PROFILES)}")
        refuse_unknown(profile, PROFILE_KEYS, f"recipe {path}, profile {name}")
        if "detector" not in profile:
            raise UserError(f"recipe {path}, profile {name} names no detector")
    aliases = recipe.setdefault("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise UserError(f"recipe {path}: aliases must be a list of names, not {aliases!r}")
    return recipe


def find_method(plugins: Plugins, name: str) -> Registration:
    """Return the method that is registered under that name, else the one whose recipe gives it as an alias.

    Raises UserError when there is none, or when several methods have the alias.
    """
    aliases: dict[str, list[Registration]] = {}
    registered = list(plugins.registered("method"))
    if all(registration.name != name for registration in registered):
        aliases = aliases_of_methods(registered)
        if len(owners := aliases.get(name, [])) > 1:
            raise UserError(_alias_clash(name, owners))
        if owners:
            name = owners[0].name
    return plugins.find("method", name, aliases)


def aliases_of_methods(registrations: Iterable[Registration]) -> dict[str, list[Registration]]:
    """Every alias with the methods that have it; a recipe that cannot be read has none."""
    aliases: dict[str, list[Registration]] = {}
    for registration in registrations:
        with contextlib.suppress(UserError):
            for alias in read_recipe(Path(registration.target))["aliases"]:
                aliases.setdefault(alias, []).append(registration)
    return aliases


def alias_clashes(plugins: Plugins) -> list[str]:
    """One sentence for each alias that is also the name or an alias of another method."""
    registered = {registration.name: registration for registration in plugins.registered("method")}
    sentences = []
    for alias, owners in aliases_of_methods(registered.values()).items():
        if alias in registered:
            origin = registered[alias].origin
            sentences.append(f"{_owners(alias, owners)}, and the name of a method of {origin}: the alias has no effect")
        elif len(owners) > 1:
            sentences.append(_alias_clash(alias, owners))
    return sentences


def read_yaml(path: Path) -> Any:
    """Read a YAML file; raises OSError, and ValueError when it is not YAML."""
    # The C parser is eight times faster, which a listing of many recipes shows.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def refuse_unknown(content: Any, known: set[str], where: str) -> None:
    """Raise UserError unless the content is a mapping with known keys only."""
    if not isinstance(content, dict):
        raise UserError(f"{where} must be a mapping with the keys {', '.join(sorted(known))}")
    for key in content:
        if key not in known:
            raise UserError(f"{where} has the unknown key {key!r}: {nearest(str(key), known)}")


def _alias_clash(alias: str, owners: Sequence[Registration]) -> str:
    return f"{_owners(alias, owners)}: use the name of the method"


def _owners(alias: str, owners: Sequence[Registration]) -> str:
    return f"{alias!r} is an alias of " + " and ".join(f"{owner.name!r} of {owner.origin}" for owner in owners)
