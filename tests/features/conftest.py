"""A real view of the embedded bricks, and weight files made up for networks whose real ones are not at hand."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch

from padbench.interfaces import Item, Runtime
from padbench_datasets.embedded import BricksDataset


class Silent:
    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        return items


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return Runtime("cpu", 0, Silent())


@pytest.fixture(scope="session")
def views() -> torch.Tensor:
    """(3, 3, 256, 256): three views of the duck."""
    scene = BricksDataset(None).task("01Duck").fit[0]
    return torch.stack([scene.views[index].image() for index in (30, 45, 60)])
