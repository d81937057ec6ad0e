"""The whole way: `padbench run --method igspad --dataset bricks` from command to boards, and the figures it reached."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Floors that the recipe is expected to reach on two cores with nothing else running (metric -> floor).
FLOORS = {"image_auroc": 0.91, "pixel_auroc": 0.993, "pixel_ap": 0.60}
MINUTES = 12


def main() -> None:
    """Run into a fresh folder and print wall time and mean metrics beside the expected ones."""
    program = str(Path(sys.executable).with_name("padbench"))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [program, "run", "--method", "igspad", "--dataset", "bricks", "--profile", "lite", "--out", folder],
            check=True,
        )
        minutes = (time.perf_counter() - start) / 60
        metrics = [json.loads(path.read_text()) for path in sorted(Path(folder).rglob("metrics.json"))]
    print(f"{'figure':<24} {'measured':>10} {'expected':>10} {'ratio':>7}")
    print(f"{'minutes':<24} {minutes:10.2f} {MINUTES:10} {minutes / MINUTES:7.2f}")
    for key, floor in FLOORS.items():
        value = statistics.mean(item[key] for item in metrics)
        print(f"{key:<24} {value:10.4f} {floor:10} {value / floor:7.2f}")
    success = statistics.mean(item["pose"]["success_1deg"] for item in metrics)
    print(f"{'pose under 1 degree':<24} {success:10.4f} {0.85:10} {success / 0.85:7.2f}")


if __name__ == "__main__":
    main()
