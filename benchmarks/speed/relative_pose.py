"""RPE-PAD's poses on bricks: seconds of the fit, pose error before and after the one forward pass, ms a query.

    python benchmarks/speed/relative_pose.py [--classes 01Duck] [--set pose.1.epochs=10]

The settings are those of rpe-pad's profile lite. The fit may use every core; queries are timed on one, all of a class
in one batch, after a warm-up. The times of irprn hold the images of the retrieved views. The last column is irprn's
time as a share of the retrieval's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from padbench.interfaces import Runtime
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.scene import Cameras, Matrix
from padbench_datasets.embedded import BricksDataset


def main() -> None:
    """Measure every class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", nargs="+", help="class folders; all of them by default")
    parser.add_argument("--set", nargs="+", default=[], help="overrides of the recipe")
    options = parser.parse_args()
    runtime = Runtime("cpu", 0, SilentProgress())
    lite = resolve_method(load_plugins(), "rpe-pad", "lite", options.set)
    assert lite.representation is not None
    data = BricksDataset(None, image_size=lite.image_size)
    threads = torch.get_num_threads()
    print(f"rotation errors in degrees, fitted with {threads} threads")
    print("class    fit retrieval s  fit irprn s  start median  median     p90    < 3   retrieval ms  irprn ms  share")
    for name in options.classes or data.classes():
        task = data.task(name)
        scene = task.fit[0]
        truth = [item.world_to_camera for item in data.ground_truth(name)]
        true_rotations = np.stack([pose[:3, :3] for pose in truth if pose is not None])
        representation = lite.representation.build(runtime)
        representation.fit(scene)
        retrieval, irprn = (component.build(runtime) for component in lite.pose)
        begin = time.perf_counter()
        retrieval.fit(scene, representation)
        between = time.perf_counter()
        irprn.fit(scene, representation)
        fits = (between - begin, time.perf_counter() - between)
        images = torch.stack([query.image() for query in task.test[0].queries])
        torch.set_num_threads(1)
        irprn.estimate(images[:2], retrieval.estimate(images[:2], None))
        begin = time.perf_counter()
        initial = retrieval.estimate(images, None)
        between = time.perf_counter()
        poses = irprn.estimate(images, initial)
        each = np.array([between - begin, time.perf_counter() - between]) * 1e3 / len(images)
        torch.set_num_threads(threads)
        errors = degrees(poses, true_rotations)
        print(
            f"{name:<8} {fits[0]:15.1f} {fits[1]:12.1f} {np.median(degrees(initial, true_rotations)):13.2f} "
            f"{np.median(errors):7.2f} {np.percentile(errors, 90):7.2f} {np.mean(errors < 3):6.0%} "
            f"{each[0]:14.1f} {each[1]:9.1f} {each[1] / each[0]:6.2f}",
            flush=True,
        )


def degrees(poses: Cameras, true: Matrix) -> Matrix:
    """Angles between the rotations of the poses and the true ones (N, 3, 3)."""
    chord = np.linalg.norm(poses.world_to_camera[:, :3, :3].double().numpy() - true, axis=(1, 2)) / np.sqrt(8)
    angles: Matrix = np.degrees(2 * np.arcsin(np.minimum(chord, 1)))
    return angles


if __name__ == "__main__":
    main()
