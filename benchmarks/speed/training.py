"""Quality and time of 3DGS training on bricks: PSNR of every 8th view, held out, and seconds a class.

    python benchmarks/speed/training.py [--image-size 200] [--gaussians 10000 20000] [--iterations 2500] [--threads 2]

A line for each class and number of Gaussians; the last column is the time as a multiple of the first number's.
"""

from __future__ import annotations

import argparse
import time

import torch

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras, Scene
from padbench_datasets.embedded import BricksDataset
from padbench_gaussians.representation import GaussianSplatting

HELD_OUT_EVERY = 8


def main() -> None:
    """Measure every class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size", type=int, default=200, help="pixels")
    parser.add_argument("--gaussians", type=int, nargs="+", default=[10_000])
    parser.add_argument("--iterations", type=int, default=2_500)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--classes", nargs="+", help="class folders; all of them by default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = BricksDataset(None, image_size=options.image_size)
    classes = options.classes or data.classes()
    warm_up(data.task(classes[0]).fit[0])
    print(f"{options.image_size}x{options.image_size}, {options.iterations} iterations, {options.threads} threads")
    print("class      Gaussians   PSNR dB   seconds   times")
    psnrs: dict[int, list[float]] = {count: [] for count in options.gaussians}
    for name in classes:
        first = None
        for count in options.gaussians:
            psnr, seconds = measure(data.task(name).fit[0], count, options.iterations)
            first = first or seconds
            psnrs[count].append(psnr)
            print(f"{name:<10} {count:9d} {psnr:9.2f} {seconds:9.1f} {seconds / first:7.2f}", flush=True)
    for count, values in psnrs.items():
        print(f"mean       {count:9d} {sum(values) / len(values):9.2f}")


def warm_up(scene: Scene) -> None:
    """Have the kernels compiled or loaded."""
    GaussianSplatting(Runtime("cpu", 0, SilentProgress()), gaussians=100, iterations=2).fit(scene)


def measure(scene: Scene, count: int, iterations: int) -> tuple[float, float]:
    """PSNR in dB over the held-out views (mean of the views' PSNR), and the seconds that fitting the others took."""
    held_out = scene.views[::HELD_OUT_EVERY]
    rest = [view for index, view in enumerate(scene.views) if index % HELD_OUT_EVERY]
    representation = GaussianSplatting(Runtime("cpu", 0, SilentProgress()), gaussians=count, iterations=iterations)
    start = time.perf_counter()
    representation.fit(Scene(scene.name, rest))
    seconds = time.perf_counter() - start
    images = torch.stack([view.image() for view in held_out])
    rendered = representation.render(Cameras.stack([view.camera for view in held_out])).rgb.clamp(0, 1)
    psnr = -10 * (rendered - images).square().mean(dim=(1, 2, 3)).log10()
    return float(psnr.mean()), seconds


if __name__ == "__main__":
    main()
