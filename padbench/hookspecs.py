"""The hooks a plugin may implement. Mark implementations with `padbench.hookspecs.hookimpl`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from padbench.store import Unit

hookspec = pluggy.HookspecMarker("padbench")
hookimpl = pluggy.HookimplMarker("padbench")


class Registry(Protocol):
    """Where `padbench_register` puts components; a reference is "module:attribute" and imported when used."""

    def representation(self, name: str, reference: str) -> None:
        """Register a class that follows `interfaces.Representation`."""

    def pose_estimator(self, name: str, reference: str) -> None:
        """Register a class that follows `interfaces.PoseEstimator`."""

    def detector(self, name: str, reference: str) -> None:
        """Register a class that follows `interfaces.Detector`."""

    def dataset(self, name: str, reference: str) -> None:
        """Register a class that follows `interfaces.Dataset`."""

    def method(self, name: str, recipe: Path) -> None:
        """Register a method by its recipe, a YAML file (see `padbench.methods`)."""


@hookspec
def padbench_register(registry: Registry) -> None:
    """Register components and methods. Called once, at start: import nothing heavy here."""


@hookspec
def padbench_unit_started(unit: Unit) -> None:
    """A unit of work begins or resumes."""


@hookspec
def padbench_stage_finished(unit: Unit, stage: str, seconds: float) -> None:
    """A stage of the unit ended: once per fit stage, once per query for the query stages."""


@hookspec
def padbench_unit_finished(unit: Unit, result: dict[str, Any]) -> None:
    """The unit ended; `result` is the content of its unit.json."""
