"""A real view of the embedded bricks, and weight files made up for networks whose real ones are not at hand."""

from __future__ import annotations

import pytest
import torch

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench_datasets.embedded import BricksDataset


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return Runtime("cpu", 0, SilentProgress())


@pytest.fixture(scope="session")
def views() -> torch.Tensor:
    """(3, 3, 256, 256): three views of the duck."""
    scene = BricksDataset(None).task("01Duck").fit[0]
    return torch.stack([scene.views[index].image() for index in (30, 45, 60)])
