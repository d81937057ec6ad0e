"""The stage clock on a stand-in for an asynchronous device."""

from __future__ import annotations

import pytest

from padbench.timing import StageClock


class AsynchronousDevice:
    """A device with its own time line: submitted work ends later, `host` is the time the program sees."""

    def __init__(self) -> None:
        self.host = 0.0
        self.queue_ends = 0.0
        self.log: list[str] = []

    def submit(self, seconds: float) -> None:
        self.log.append("work")
        self.queue_ends = max(self.queue_ends, self.host) + seconds

    def think(self, seconds: float) -> None:
        self.host += seconds

    def synchronise(self) -> None:
        self.log.append("synchronise")
        self.host = max(self.host, self.queue_ends)

    def mark(self) -> float:
        self.log.append("mark")
        return max(self.host, self.queue_ends)

    def seconds(self, start: float, end: float) -> float:
        self.log.append("seconds")
        self.host = max(self.host, end)
        return end - start

    def reset_peak_memory(self) -> None:
        pass

    def peak_memory(self) -> int | None:
        return 7


def test_a_stage_pays_for_all_of_its_own_work_and_for_nothing_else() -> None:
    device = AsynchronousDevice()
    clock = StageClock(device)
    device.submit(100.0)  # loading of weights, still running when the stage starts
    with clock.stage("coarse"):
        device.think(1.0)
        device.submit(5.0)
    device.think(50.0)  # writing files between stages
    with clock.stage("refine"):
        device.submit(2.0)
        device.submit(2.0)
        device.think(1.0)
    assert clock.take() == pytest.approx({"coarse": 6.0, "refine": 4.0})
    assert clock.take() == {}


def test_the_device_is_synchronised_before_the_first_mark_and_read_after_the_last() -> None:
    device = AsynchronousDevice()
    clock = StageClock(device)
    with clock.stage("render"):
        device.submit(1.0)
    assert device.log == ["synchronise", "mark", "work", "mark", "seconds"]


def test_repeated_stages_add_up() -> None:
    device = AsynchronousDevice()
    clock = StageClock(device)
    for _ in range(3):
        with clock.stage("detect"):
            device.submit(2.0)
    assert clock.take() == {"detect": 6.0}


def test_a_stage_that_raises_is_not_counted() -> None:
    clock = StageClock(AsynchronousDevice())
    with pytest.raises(RuntimeError), clock.stage("detect"):
        raise RuntimeError
    assert clock.take() == {}
