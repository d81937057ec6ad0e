"""padbench doctor tries the detectors that learn on few epochs and few of the training scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from padbench.doctor.trials import Trials
from padbench.interfaces import HasTrial
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.scene import Query, Task
from ptad.chair_scenes import image, scene


class Plates:
    """Six training plates with four labelled images each, and one with two queries."""

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        pass

    def classes(self) -> Sequence[str]:
        return ["plate"]

    def task(self, name: str) -> Task:
        queries = [Query(str(index), lambda index=index: image(index, False)) for index in range(2)]  # type: ignore[misc]
        tested = replace(scene(9), queries=queries, labelled=())
        return Task(name, [scene(number, images=4) for number in range(6)], [tested])


def test_a_detector_that_learns_is_tried_on_some_epochs_and_scenes() -> None:
    method = resolve_method(load_plugins(), "resnet18-fpn", "lite", ("detector.input_size=32",))
    estimate = Trials(Plates, "cpu").estimate(method)
    assert estimate.tried == ("resnet18-fpn: 3 of 10 epochs, 4 of 6 training scenes",)
    assert estimate.total >= estimate.fit > 0 and estimate.query > 0


@pytest.mark.parametrize("name", [row.name for row in load_plugins().registered("method")])
def test_what_has_many_steps_has_a_trial(name: str) -> None:
    """mesh2splat's iterations are those of scenes without a mesh."""
    for component in resolve_method(load_plugins(), name, "paper").components():
        many = {"epochs", "steps", "iterations"} & component.parameters.keys()
        if many and component.name != "mesh2splat":
            assert isinstance(component.factory, HasTrial) and {component.factory.trial.parameter} == many
