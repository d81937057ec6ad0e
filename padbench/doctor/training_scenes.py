"""The scenes that a detector learns from, on trial: few of them, which know what the detector asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from padbench.interfaces import FittedScene, Poses

if TYPE_CHECKING:
    from torch import Tensor

TRIED_SCENES = 4
"""With a dozen images each they make whole batches."""


@dataclass(frozen=True)
class Training:
    """What a detector learnt from: so many of all training scenes."""

    tried: int
    scenes: int

    @property
    def factor(self) -> float:
        return self.scenes / self.tried


class CountedLink:
    """A link of the pose chain that counts the images it is given."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self.images = 0

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:
        self.images += len(images)
        found: Poses = self._link.estimate(images, initial)
        return found


class WatchedScenes(Sequence[FittedScene]):
    """Fitted scenes that know whether they were asked for."""

    def __init__(self, scenes: list[FittedScene]) -> None:
        self._scenes = scenes
        self.used = False

    def __len__(self) -> int:
        return len(self._scenes)

    @overload
    def __getitem__(self, index: int) -> FittedScene: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FittedScene]: ...

    def __getitem__(self, index: int | slice) -> FittedScene | Sequence[FittedScene]:
        self.used = True
        return self._scenes[index]

    def __iter__(self) -> Iterator[FittedScene]:
        self.used = True
        return iter(self._scenes)
