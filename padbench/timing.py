"""The stage clock and the memory gauges of a run.

Stages: fit.representation, fit.pose, fit.detector once per scene; coarse, refine, render, detect once per query. The
time comes from the device that does the work: CUDA events behind a synchronisation, `perf_counter` on the CPU.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol


class TimingDevice(Protocol):
    """Where time and memory are measured; a mark is opaque."""

    def synchronise(self) -> None:
        """Wait until all submitted work is done."""
        ...

    def mark(self) -> Any:
        """Put a mark behind all work submitted so far."""
        ...

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two marks; waits for `end`."""
        ...

    def reset_peak_memory(self) -> None:
        """Begin a new period for `peak_memory`."""
        ...

    def peak_memory(self) -> int | None:
        """Peak device memory of the period in bytes, None for a device without memory of its own."""
        ...


class CpuTimer:
    """Times work on the CPU, which is done when it returns."""

    def synchronise(self) -> None:
        """Nothing is asynchronous here."""

    def mark(self) -> float:
        """Read the performance counter."""
        return time.perf_counter()

    def seconds(self, start: float, end: float) -> float:
        """Difference of two readings."""
        return end - start

    def reset_peak_memory(self) -> None:
        """The CPU's memory is the host's (`HostMemory`)."""

    def peak_memory(self) -> int | None:
        """None: the CPU has no memory of its own."""
        return None


class CudaTimer:
    """Times work on the current CUDA device with events."""

    def synchronise(self) -> None:
        """Wait for all streams of the device."""
        import torch

        torch.cuda.synchronize()

    def mark(self) -> Any:
        """Record a timing event in the current stream."""
        import torch

        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two events, after waiting for the later one."""
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000

    def reset_peak_memory(self) -> None:
        """Reset the allocator's peak."""
        import torch

        torch.cuda.reset_peak_memory_stats()

    def peak_memory(self) -> int | None:
        """Peak bytes handed out by the allocator."""
        import torch

        return int(torch.cuda.max_memory_allocated())


def timer_for(device: str) -> TimingDevice:
    """The timer of "cpu" or "cuda"."""
    return CudaTimer() if device.startswith("cuda") else CpuTimer()


class StageClock:
    """Adds up the seconds of stages.

    Earlier work of the device is waited for before a stage starts, so that a stage pays for its own work only, and the
    work it submitted is waited for at its end, so that it pays for all of it. A stage that raises is not counted.
    """

    def __init__(self, device: TimingDevice) -> None:
        self.device = device
        self.totals: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body and add it to the stage's total."""
        self.device.synchronise()
        start = self.device.mark()
        yield
        end = self.device.mark()
        self.totals[name] = self.totals.get(name, 0.0) + self.device.seconds(start, end)

    def take(self) -> dict[str, float]:
        """Return the totals and start anew."""
        totals, self.totals = self.totals, {}
        return totals


class HostMemory:
    """The peak resident memory of this process since `reset`, in bytes."""

    def reset(self) -> None:
        """Begin a new period, where the system can (Linux); elsewhere the peak is that of the whole process."""
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")

    def peak(self) -> int:
        """Peak bytes of the period."""
        with suppress(OSError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
