"""Poses on bricks: how near "igs" comes to the true pose from the retrieved view, and seconds a query, by variant.

    python benchmarks/speed/pose.py [--classes 01Duck] [--every 3] [--variants mps whole] [--threads 2]

Each class is trained and its gallery built once, outside the timing. Prints a line for each class and variant; the last
column is the time as a multiple of the first variant's.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from padbench.interfaces import Poses, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Matrix, Scene
from padbench_datasets.embedded import BricksDataset
from padbench_gaussians.representation import GaussianSplatting
from padbench_igspad.inverse_splatting import InverseSplatting
from padbench_retrieval.retrieval import LightGlueRetrieval

VARIANTS: dict[str, dict[str, Any]] = {
    "mps": {},
    "whole": {"mps": False},
    "mean-only": {"mean_only_gradient": True},
    "whole-mean-only": {"mps": False, "mean_only_gradient": True},
    "half-steps": {"steps": 150, "late_from": 110},
}


def main() -> None:
    """Measure every class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", nargs="+", help="class folders; all of them by default")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth query")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["mps", "whole"])
    parser.add_argument("--gaussians", type=int, default=20_000)
    parser.add_argument("--iterations", type=int, default=5_000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    runtime = Runtime("cpu", 0, SilentProgress())
    data = BricksDataset(None)
    print(f"{options.gaussians} Gaussians, {options.iterations} iterations, {options.threads} threads; degrees")
    print("class    variant            start median   median     p90    < 1   < 0.5   s a query   times")
    for name in options.classes or data.classes():
        task = data.task(name)
        scene = task.fit[0]
        images = [query.image()[None] for query in task.test[0].queries[:: options.every]]
        truth = [item.world_to_camera for item in data.ground_truth(name)[:: options.every]]
        true_rotations = np.stack([pose[:3, :3] for pose in truth if pose is not None])
        representation = GaussianSplatting(runtime, gaussians=options.gaussians, iterations=options.iterations)
        representation.fit(scene)
        retrieval = LightGlueRetrieval(runtime)
        retrieval.fit(scene, representation)
        initial = [retrieval.estimate(image, None) for image in images]
        start = float(np.median(degrees(initial, true_rotations)))
        first = None
        for variant in options.variants:
            poses, seconds = refine(scene, representation, images, initial, VARIANTS[variant], runtime)
            first = first or seconds
            errors = degrees(poses, true_rotations)
            print(
                f"{name:<8} {variant:<18} {start:12.1f} {np.median(errors):8.3f} {np.percentile(errors, 90):7.3f} "
                f"{np.mean(errors < 1):6.0%} {np.mean(errors < 0.5):7.0%} {seconds:11.2f} {seconds / first:7.2f}",
                flush=True,
            )


def refine(
    scene: Scene,
    representation: GaussianSplatting,
    images: list[torch.Tensor],
    initial: list[Poses],
    parameters: dict[str, Any],
    runtime: Runtime,
) -> tuple[list[Poses], float]:
    """The refined poses, one query at a time, and the mean seconds of a query after a warm-up."""
    estimator = InverseSplatting(runtime, **parameters)
    estimator.fit(scene, representation)
    estimator.estimate(images[0], initial[0])
    begin = time.perf_counter()
    poses = [estimator.estimate(image, pose) for image, pose in zip(images, initial, strict=True)]
    return poses, (time.perf_counter() - begin) / len(images)


def degrees(poses: list[Poses], true: Matrix) -> Matrix:
    """Angles between the rotations of the poses and the true ones (N, 3, 3)."""
    estimated = torch.cat([pose.world_to_camera[:, :3, :3] for pose in poses]).double().numpy()
    chord = np.linalg.norm(estimated - true, axis=(1, 2)) / np.sqrt(8)
    angles: Matrix = np.degrees(2 * np.arcsin(np.minimum(chord, 1)))
    return angles


if __name__ == "__main__":
    main()
