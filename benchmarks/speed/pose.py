"""Poses on bricks: how near "igs" comes to the true pose from the retrieved view, and seconds a query, by variant.

    python benchmarks/speed/pose.py [--classes 01Duck] [--every 3] [--variants mps whole] [--threads 2]

The settings are those of igspad's profile lite, but for what a variant changes. Each class is trained and its gallery
built once, outside the timing. Prints a line for each class and variant; the last column is the time as a multiple of
the first variant's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from padbench.interfaces import PoseEstimator, Poses, Representation, Runtime
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.progress import SilentProgress
from padbench.scene import Matrix, Scene
from padbench_datasets.embedded import BricksDataset

VARIANTS: dict[str, tuple[str, ...]] = {
    "mps": (),
    "whole": ("pose.1.mps=false",),
    "mean-only": ("pose.1.mean_only_gradient=true",),
    "whole-mean-only": ("pose.1.mps=false", "pose.1.mean_only_gradient=true"),
    "half-steps": ("pose.1.steps=150", "pose.1.late_from=110"),
}


def main() -> None:
    """Measure every class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", nargs="+", help="class folders; all of them by default")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth query")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["mps", "whole"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    runtime = Runtime("cpu", 0, SilentProgress())
    plugins = load_plugins()
    methods = {variant: resolve_method(plugins, "igspad", "lite", VARIANTS[variant]) for variant in options.variants}
    lite = resolve_method(plugins, "igspad", "lite")
    assert lite.representation is not None
    data = BricksDataset(None, image_size=lite.image_size)
    print(f"rotation errors in degrees, {options.threads} threads")
    print("class    variant            start median   median     p90    < 1   < 0.5   s a query   times")
    for name in options.classes or data.classes():
        task = data.task(name)
        scene = task.fit[0]
        images = [query.image()[None] for query in task.test[0].queries[:: options.every]]
        truth = [item.world_to_camera for item in data.ground_truth(name)[:: options.every]]
        true_rotations = np.stack([pose[:3, :3] for pose in truth if pose is not None])
        representation = lite.representation.build(runtime)
        representation.fit(scene)
        retrieval = lite.pose[0].build(runtime)
        retrieval.fit(scene, representation)
        initial = [retrieval.estimate(image, None) for image in images]
        start = float(np.median(degrees(initial, true_rotations)))
        first = None
        for variant in options.variants:
            poses, seconds = refine(methods[variant].pose[1].build(runtime), scene, representation, images, initial)
            first = first or seconds
            errors = degrees(poses, true_rotations)
            print(
                f"{name:<8} {variant:<18} {start:12.1f} {np.median(errors):8.3f} {np.percentile(errors, 90):7.3f} "
                f"{np.mean(errors < 1):6.0%} {np.mean(errors < 0.5):7.0%} {seconds:11.2f} {seconds / first:7.2f}",
                flush=True,
            )


def refine(
    estimator: PoseEstimator,
    scene: Scene,
    representation: Representation,
    images: list[torch.Tensor],
    initial: list[Poses],
) -> tuple[list[Poses], float]:
    """The refined poses, one query at a time, and the mean seconds of a query after a warm-up."""
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
