"""Workers: the order of the results, how far ahead items are made, and that torch's threads are given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from padbench_rpepad.workers import workers


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def slow_when_even(item: int) -> int:
        time.sleep(0.01 * (item % 2 == 0))
        return item**2

    with workers("cpu") as in_parallel:
        assert list(in_parallel(slow_when_even, range(30))) == [item**2 for item in range(30)]
    assert torch.get_num_threads() == threads


def test_items_are_made_by_the_caller_and_not_all_at_once(threads: int) -> None:
    made: list[str] = []

    def items() -> Iterator[int]:
        for item in range(100):
            made.append(threading.current_thread().name)
            yield item

    with workers("cpu") as in_parallel:
        results = iter(in_parallel(lambda item: torch.get_num_threads(), items()))
        assert next(results) == 1
        assert len(made) < 10
        assert list(results) == [1] * 99
    assert set(made) == {threading.current_thread().name}


def test_an_error_reaches_the_caller_and_the_threads_are_given_back(threads: int) -> None:
    def fails(item: int) -> int:
        raise ValueError(str(item))

    with pytest.raises(ValueError, match="0"), workers("cpu") as in_parallel:
        list(in_parallel(fails, range(9)))
    assert torch.get_num_threads() == threads
