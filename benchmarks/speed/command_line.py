"""Start-up times of the command line: `padbench --help` and the listings, best and median of several processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 15
COMMANDS = (("--help",), ("list", "methods"), ("list", "datasets"), ("list", "components"))


def seconds(arguments: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(arguments, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a row per command, with the bare interpreter's start for comparison."""
    program = str(Path(sys.executable).with_name("padbench"))
    bare = [seconds([sys.executable, "-c", "pass"]) for _ in range(REPEATS)]
    print(f"{'command':<28} {'best s':>8} {'median s':>9} {'x bare python':>14}")
    for command in COMMANDS:
        times = [seconds([program, *command]) for _ in range(REPEATS)]
        ratio = statistics.median(times) / statistics.median(bare)
        name = " ".join(("padbench", *command))
        print(f"{name:<28} {min(times):8.3f} {statistics.median(times):9.3f} {ratio:14.1f}")


if __name__ == "__main__":
    main()
