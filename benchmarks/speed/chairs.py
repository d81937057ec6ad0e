"""Making the data set `chairs`: seconds of one core a shape, and what follows for the default on two cores.

python benchmarks/speed/chairs.py [--shapes 12]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from padbench_datasets.chairs.making import Extent
from padbench_datasets.chairs.shape_files import write_shape

MINUTES = 8


def main() -> None:
    """Print the times of the first shapes and the minutes for all of them."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--shapes", type=int, default=12, help="six have one of each family")
    options = arguments.parse_args()
    extent = Extent()
    shapes = [shape for split in extent.split().values() for shape in split]
    with tempfile.TemporaryDirectory() as folder:
        write_shape(Path(folder), int(shapes[-1]), shapes[-1], extent.size)  # warm-up
        start, start_of_cpu = time.perf_counter(), time.process_time()
        for shape in shapes[: options.shapes]:
            write_shape(Path(folder), int(shape), shape, extent.size)
        seconds, of_cpu = time.perf_counter() - start, time.process_time() - start_of_cpu
    print(f"{'':<22} {'seconds':>8} {'of CPU':>8}")
    print(f"{'a shape':<22} {seconds / options.shapes:8.2f} {of_cpu / options.shapes:8.2f}")
    minutes, minutes_of_cpu = (taken * len(shapes) / options.shapes / 2 / 60 for taken in (seconds, of_cpu))
    print(f"{len(shapes)} shapes, two cores: {minutes:.1f} minutes, {minutes_of_cpu:.1f} of the CPU ", end="")
    print(f"(target {MINUTES}: {minutes / MINUTES:.2f}, {minutes_of_cpu / MINUTES:.2f})")


if __name__ == "__main__":
    main()
