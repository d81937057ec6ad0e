"""Coarse poses on bricks: how near the retrieved view is, and ms a query, by what decides.

    python benchmarks/speed/retrieval.py [--features xfeat] [--threads 2]

Prints, for each class, the rotation between the retrieved view and the true pose (the nearest training view is the
best possible), the time of a query, and that time as a multiple of the first setting's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Matrix
from padbench_datasets.embedded import BricksDataset
from padbench_retrieval.retrieval import LightGlueRetrieval

SHORTLISTS = {1: "mutual neighbours", 10: "LightGlue of 10", 0: "LightGlue of all"}


def main() -> None:
    """Measure every class."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--features", default="xfeat", help="xfeat, aliked or disk")
    arguments.add_argument("--shortlist", type=int, nargs="+", default=[1, 10], help="0 for all: minutes a class")
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    runtime = Runtime("cpu", 0, SilentProgress())
    data = BricksDataset(None)
    print(f"{options.features}, {options.threads} threads; rotation in degrees: median, p90, share within 25")
    for name in data.classes():
        measure(data, name, runtime, options.features, options.shortlist)


def measure(data: BricksDataset, name: str, runtime: Runtime, features: str, shortlists: list[int]) -> None:
    """Print a line for each shortlist."""
    task = data.task(name)
    views = task.fit[0].views
    truth = [known for item in data.ground_truth(name) if (known := item.world_to_camera) is not None]
    nearest = [min(degrees(view.camera.world_to_camera, pose) for view in views) for pose in truth]
    print(f"{name}: {len(views)} views, nearest possible {np.median(nearest):.1f}")
    images = [query.image()[None] for query in task.test[0].queries]
    fastest = None
    for shortlist in shortlists:
        estimator = LightGlueRetrieval(runtime, features=features, shortlist=shortlist)
        start = time.perf_counter()
        estimator.fit(task.fit[0], None)
        fitted = time.perf_counter() - start
        estimator.estimate(images[0], None)  # warm-up
        start = time.perf_counter()
        poses = [estimator.estimate(image, None).world_to_camera[0].double().numpy() for image in images]
        seconds = (time.perf_counter() - start) / len(images)
        fastest = fastest or seconds
        errors = np.array([degrees(pose, true) for pose, true in zip(poses, truth, strict=True)])
        print(
            f"  {SHORTLISTS.get(shortlist, f'LightGlue of {shortlist}'):<18} {np.median(errors):5.1f} "
            f"{np.percentile(errors, 90):5.1f} {np.mean(errors < 25):5.0%}   {seconds * 1000:7.0f} ms a query "
            f"({seconds / fastest:.1f} times), fit {fitted:.1f} s"
        )


def degrees(a: Matrix, b: Matrix) -> float:
    """Angle between the rotations of two world-to-camera matrices."""
    cosine = (np.trace(a[:3, :3] @ b[:3, :3].T) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


if __name__ == "__main__":
    main()
