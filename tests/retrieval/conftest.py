"""Real views of the embedded bricks."""

from __future__ import annotations

import pytest

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Scene
from padbench_datasets.embedded import BricksDataset
from padbench_retrieval.matching import LocalFeatureMatcher


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return Runtime("cpu", 0, SilentProgress())


@pytest.fixture(scope="session")
def duck() -> Scene:
    """The duck from every fifth of its 105 views."""
    scene = BricksDataset(None).task("01Duck").fit[0]
    return Scene(scene.name, scene.views[::5])


@pytest.fixture(scope="session")
def matcher() -> LocalFeatureMatcher:
    return LocalFeatureMatcher("cpu")
