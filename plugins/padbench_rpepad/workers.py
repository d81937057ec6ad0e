"""Work on several images, or parts of a batch, at the same time where torch may use several threads on a CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# Results that wait for their turn: enough that no worker is idle while the next item is made.
_AHEAD = 4


class Map(Protocol):
    """Apply a function to every item; the results come in the items' order."""

    def __call__(self, function: Callable[[_Item], _Result], items: Iterable[_Item], /) -> Iterator[_Result]:
        """Items are taken, by the calling thread, no further ahead than the workers need."""
        ...


@contextmanager
def workers(device: str) -> Iterator[Map]:
    """A `map` by two threads where torch may use several on a CPU, else by the calling thread.

    Operations on small tensors gain nothing from a second thread, whole images do. Each item is computed by one thread
    whatever their number, so that it changes no result.
    """
    threads = torch.get_num_threads()
    if device != "cpu":
        yield map
        return
    torch.set_num_threads(1)
    try:
        if threads == 1:
            yield map
        else:
            with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield _ordered(pool)
    finally:
        torch.set_num_threads(threads)


def _ordered(pool: ThreadPoolExecutor) -> Map:
    def apply(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        pending: deque[Future[_Result]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    return apply
