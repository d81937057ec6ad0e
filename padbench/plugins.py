"""Load plugins from the entry points of group "padbench", and keep what they register.

A plugin that cannot be loaded is recorded with its traceback and skipped; it never stops the command line.
"""

from __future__ import annotations

import importlib
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from padbench import hookspecs
from padbench.errors import UserError, nearest
from padbench.interfaces import API_VERSION

GROUP = "padbench"
KINDS = ("representation", "pose_estimator", "detector", "dataset", "method")
WORDS = {"pose_estimator": "pose estimator", "dataset": "data set"}


@dataclass(frozen=True)
class Origin:
    """The distribution and package a component comes from."""

    distribution: str
    version: str
    plugin: str

    def __str__(self) -> str:
        return f"{self.plugin} ({self.distribution} {self.version})"


@dataclass(frozen=True)
class Registration:
    """One registered component: `target` is "module:attribute", for a method the path of its recipe."""

    kind: str
    name: str
    target: str
    origin: Origin


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was skipped: why in one sentence, and the traceback where there is one."""

    origin: Origin
    reason: str
    traceback: str | None


@dataclass
class _PluginRegistry:
    """Collects what one plugin registers, so that a plugin that fails half-way registers nothing."""

    origin: Origin
    registrations: list[Registration] = field(default_factory=list)

    def _add(self, kind: str, name: str, target: str) -> None:
        if not name or any(character in name for character in "/\\ \t\n") or name.startswith("."):
            raise ValueError(f"{kind} name {name!r} must be a plain word: it names a folder of results")
        self.registrations.append(Registration(kind, name, target, self.origin))

    def representation(self, name: str, reference: str) -> None:
        self._add("representation", name, reference)

    def pose_estimator(self, name: str, reference: str) -> None:
        self._add("pose_estimator", name, reference)

    def detector(self, name: str, reference: str) -> None:
        self._add("detector", name, reference)

    def dataset(self, name: str, reference: str) -> None:
        self._add("dataset", name, reference)

    def method(self, name: str, recipe: Path) -> None:
        self._add("method", name, str(recipe))


class Plugins:
    """Everything that is installed: components by kind and name, loaded modules, broken plugins."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.modules: list[tuple[Origin, ModuleType]] = []
        self.broken: list[BrokenPlugin] = []
        self._registered: dict[tuple[str, str], list[Registration]] = {}
        self._reported: set[str] = set()

    def add(self, module: ModuleType, origin: Origin) -> None:
        """Register a plugin module; a faulty one is recorded in `broken` and leaves nothing behind."""
        version = getattr(module, "padbench_api_version", None)
        if version != API_VERSION:
            stated = "states no padbench_api_version" if version is None else f"was written for API {version}"
            reason = f"{origin} {stated}, this padbench offers API {API_VERSION}: install a matching version"
            self.broken.append(BrokenPlugin(origin, reason, None))
            return
        registry = _PluginRegistry(origin)
        try:
            self.manager.register(module, name=origin.plugin)
            if (hook := getattr(module, "padbench_register", None)) is not None:
                hook(registry)
        except Exception as error:
            self.manager.unregister(name=origin.plugin)
            reason = f"{origin} failed to register: {type(error).__name__}: {error}"
            self.broken.append(BrokenPlugin(origin, reason, traceback.format_exc()))
            return
        self.modules.append((origin, module))
        for registration in registry.registrations:
            self._registered.setdefault((registration.kind, registration.name), []).append(registration)

    def tabled(self, attribute: str) -> Iterator[tuple[Origin, Any]]:
        """The entries of the tables that plugin packages name by an attribute, as "module:TABLE".

        Raises UserError for a table that cannot be imported.
        """
        for origin, module in self.modules:
            if (reference := getattr(module, attribute, None)) is None:
                continue
            module_name, _, name = reference.partition(":")
            try:
                table: dict[str, Any] = getattr(importlib.import_module(module_name), name)
            except (ImportError, AttributeError) as error:
                raise UserError(
                    f"{origin} names {attribute} = {reference!r}, which cannot be imported: {error}"
                ) from error
            yield from ((origin, entry) for entry in table.values())

    def report_observer(self, hook: str, error: Exception) -> None:
        """Warn, once per hook, that an observer raised."""
        if hook not in self._reported:
            self._reported.add(hook)
            warnings.warn(f"an observer of {hook} failed: {type(error).__name__}: {error}", stacklevel=2)

    def registered(self, kind: str) -> Iterator[Registration]:
        """All registrations of a kind by name, clashing ones included."""
        for (registered_kind, _), registrations in sorted(self._registered.items()):
            if registered_kind == kind:
                yield from registrations

    def clashes(self) -> list[str]:
        """One sentence for each name that two packages claim."""
        return [
            _clash(registrations) for _, registrations in sorted(self._registered.items()) if len(registrations) > 1
        ]

    def find(self, kind: str, name: str, other_names: Iterable[str] = ()) -> Registration:
        """Return the one registration of that name; raises UserError for none or several.

        other_names: names that the error offers beside the registered ones.
        """
        registrations = self._registered.get((kind, name), [])
        if len(registrations) > 1:
            raise UserError(_clash(registrations))
        if not registrations:
            known = {registration.name for registration in self.registered(kind)}.union(other_names)
            message = f"unknown {WORDS.get(kind, kind)} {name!r}: {nearest(name, known)}"
            if self.broken:
                skipped = ", ".join(broken.origin.plugin for broken in self.broken)
                message += f" (skipped as broken: {skipped}; see 'padbench plugins')"
            raise UserError(message)
        return registrations[0]

    def resolve(self, kind: str, name: str) -> Any:
        """Import what is registered under that name; raises UserError when it cannot be imported."""
        registration = self.find(kind, name)
        module_name, _, attribute = registration.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise UserError(
                f"{WORDS.get(kind, kind)} {name!r} of {registration.origin} cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        try:
            return getattr(module, attribute)
        except AttributeError as error:
            raise UserError(
                f"{WORDS.get(kind, kind)} {name!r} of {registration.origin} refers to "
                f"{registration.target!r}, which does not exist"
            ) from error


def _clash(registrations: Sequence[Registration]) -> str:
    first = registrations[0]
    origins = " and ".join(str(registration.origin) for registration in registrations)
    return f"{WORDS.get(first.kind, first.kind)} {first.name!r} is registered by {origins}: uninstall one of them"


@lru_cache(maxsize=1)
def load_plugins() -> Plugins:
    """Load every installed plugin, once per process."""
    plugins = Plugins()
    for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        distribution = entry_point.dist
        name, version = (distribution.name, distribution.version) if distribution else ("unknown", "unknown")
        origin = Origin(name, version, entry_point.value)
        try:
            module = entry_point.load()
        except Exception as error:
            reason = f"{origin} failed to import: {type(error).__name__}: {error}"
            plugins.broken.append(BrokenPlugin(origin, reason, traceback.format_exc()))
            continue
        plugins.add(module, origin)
    return plugins
