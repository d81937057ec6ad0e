"""Peak memory and time of the pixel metrics on a set of maps as large as one class of MAD.

Run: python benchmarks/speed/pixel_metrics.py [--maps 300] [--size 800] [--positive 0.02]
Maps and masks are generated as they are asked for, never kept: the figures are those of the metrics. The time of
generating them is measured in a pass of its own and shown beside. `--positive 0.5` is far beyond any data set.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from padbench.metrics.pixel import pixel_metrics


def maps_and_masks(count: int, size: int, positive: float) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Every fifth map is normal; the others have one square defect of the given share and salt beside it."""
    side = round(size * (positive * 1.25) ** 0.5)
    for index in range(count):
        generator = np.random.default_rng(index)
        anomaly_map = generator.random((size, size), dtype=np.float32)
        mask = np.zeros((size, size), dtype=bool)
        if index % 5:
            top, left = generator.integers(0, size - side + 1, size=2)
            mask[top : top + side, left : left + side] = True
            mask[generator.integers(0, size, 20), generator.integers(0, size, 20)] = True
            anomaly_map[mask] += 0.5
        yield anomaly_map, mask


def peak_bytes() -> int:
    """The highest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=300)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--positive", type=float, default=0.02, help="share of positive pixels")
    arguments = parser.parse_args()
    shape = (arguments.maps, arguments.size, arguments.positive)

    start = time.perf_counter()
    positives = sum(int(np.count_nonzero(mask)) for _, mask in maps_and_masks(*shape))
    generating = time.perf_counter() - start
    pixel_metrics(lambda: maps_and_masks(2, 64, 0.1))  # imports what is imported late
    before = peak_bytes()
    passes = 0

    def counted() -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        nonlocal passes
        passes += 1
        return maps_and_masks(*shape)

    start = time.perf_counter()
    values = pixel_metrics(counted)
    seconds = time.perf_counter() - start
    print(f"{arguments.maps} maps of {arguments.size}x{arguments.size}, {positives:,} positive pixels")
    print("  ".join(f"{name} {value:.6f}" for name, value in values.items()))
    print(f"time           {seconds:8.1f} s, of which {passes * generating:.1f} s generate the maps in {passes} passes")
    print(f"peak memory    {(peak_bytes() - before) / 2**20:8.0f} MiB beyond the {before / 2**20:.0f} MiB at the start")


if __name__ == "__main__":
    main()
