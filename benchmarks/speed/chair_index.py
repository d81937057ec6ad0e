"""Opening a data set of the size of BrokenChairs-180K: seconds and peak memory, first without and then with its index.

    python benchmarks/speed/chair_index.py [--images 200000] [--shapes 8000]

Makes a folder of as many file names (the files are empty), then opens the task in a fresh process each time; the
seconds of the CPU are those that count where other programs run beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

SECONDS, MEGABYTES = 10, 500

OPEN = """
import resource, sys, time
from pathlib import Path
from padbench_datasets.brokenchairs import BrokenChairsDataset
start, start_of_cpu = time.perf_counter(), time.process_time()
task = BrokenChairsDataset(Path(sys.argv[1])).task("chair")
print(time.perf_counter() - start, time.process_time() - start_of_cpu)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Print a line for each start."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=200_000)
    arguments.add_argument("--shapes", type=int, default=8_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "chairs"
        write_names(root, options.images, options.shapes)
        print(f"{options.images} file names of {options.shapes} shapes; targets: {SECONDS} s, {MEGABYTES} MB")
        print(f"{'start':<8} {'seconds':>8} {'of CPU':>8} {'ratio':>6} {'peak [MB]':>10} {'ratio':>6}")
        environment = os.environ | {"PADBENCH_HOME": str(Path(folder) / "home")}
        for start in ("cold", "cached", "cached"):
            finished = subprocess.run(
                [sys.executable, "-c", OPEN, str(root)], env=environment, capture_output=True, text=True, check=True
            )
            seconds, of_cpu, peak = (float(number) for number in finished.stdout.split())
            print(
                f"{start:<8} {seconds:8.2f} {of_cpu:8.2f} {seconds / SECONDS:6.2f} {peak:10.0f} {peak / MEGABYTES:6.2f}"
            )


def write_names(root: Path, images: int, shapes: int) -> None:
    """Make the folders; a tenth of the shapes are test shapes."""
    names = [f"{shape:05d}" for shape in range(shapes)]
    (root / "annotations").mkdir(parents=True)
    test = names[::10]
    split = {"train": sorted(set(names) - set(test)), "val": [], "test": test}
    (root / "split.json").write_text(json.dumps(split))
    for index, shape in enumerate(names):
        queries, views = root / "images" / f"shape_{shape}", root / "shapes" / f"shape_{shape}" / "mv_images"
        queries.mkdir(parents=True)
        views.mkdir(parents=True)
        view = views / f"{shape}_2_0_20.png"
        view.touch()
        for number in range(index * images // shapes, (index + 1) * images // shapes):
            kind = "normal" if number % 2 else "anomaly_missing_leg_fr"
            (
                queries / f"render_{shape}_{number % 400}_2.25_{number % 360}_{number % 45}_{number % 8}_{kind}.png"
            ).touch()
    # The size of the images is read from the first.
    first = min((root / "images" / "shape_00000").iterdir())
    Image.new("RGB", (512, 512)).save(first)


if __name__ == "__main__":
    main()
