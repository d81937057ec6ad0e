"""Poses of chairs: how near "chamfer" and then "mask" come to the true pose and silhouette, and seconds a query.

    python benchmarks/speed/mask_pose.py --data chairs [--sizes 128 256] [--views-only] [--candidates 8]

--data is a folder in BrokenChairs' layout. Each test shape becomes a mesh2splat of its mesh, or of its grey views with
--views-only, and its queries are aligned in one batch, after a warm-up. The true poses are opened to measure errors.
Overlap is that of rendered alpha above 0.5 with the query's mask. Prints a line for the normal queries of each size,
one for the anomalous ones and one for all.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from padbench.interfaces import Poses, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras, GroundTruth, Matrix, Scene
from padbench_datasets.brokenchairs import BrokenChairsDataset
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_ptad.chamfer import ChamferRetrieval
from padbench_ptad.mask_pose import MaskAlignment
from padbench_ptad.masks import foreground

THRESHOLD = 0.04
# Columns of `measured`.
ROTATION, POSITION, OVERLAP, ROTATION_AFTER, POSITION_AFTER, OVERLAP_AFTER, ANOMALOUS = range(7)


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--views-only", action="store_true")
    parser.add_argument("--candidates", type=int, default=8, help="of mask; the paper's is 1")
    parser.add_argument(
        "--rates", type=float, nargs=2, default=[0.02, 0.002], help="first and last learning rate of mask"
    )
    parser.add_argument("--every", type=int, default=1, help="take every so manieth shape")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} threads; rotations in degrees, positions in scene units; chamfer -> mask")
    print(
        "size  queries         rotation median     rotation p90  position median   overlap mean  better  fit s  s/query"
    )
    for size in options.sizes:
        data = BrokenChairsDataset(options.data, image_size=size)
        truth = iter(data.ground_truth("chair"))
        scenes = [(scene, [next(truth) for _ in scene.queries]) for scene in data.task("chair").test]
        rows, fits, times = [], [], []
        for scene, answers in scenes[:: options.every]:
            if options.views_only:
                scene = replace(scene, mesh=None)
            errors, fit, each = measured(scene, answers, options)
            rows.append(errors)
            fits.append(fit)
            times.append(each)
        table = np.concatenate(rows)
        anomalous = table[:, ANOMALOUS] > 0
        for name, chosen in (("normal", ~anomalous), ("anomalous", anomalous), ("all", anomalous | ~anomalous)):
            print(f"{size:4}  {name:9} {line(table[chosen])} {np.mean(fits):6.2f} {np.mean(times):8.2f}", flush=True)


def measured(scene: Scene, answers: list[GroundTruth], options: argparse.Namespace) -> tuple[Matrix, float, float]:
    """A row for each query whose pose is known, seconds of fitting, and seconds a query of both estimators."""
    runtime = Runtime("cpu", 0, SilentProgress())
    known = [index for index, answer in enumerate(answers) if answer.world_to_camera is not None]
    images = torch.stack([scene.queries[index].image() for index in known])
    poses = np.stack([pose for index in known if (pose := answers[index].world_to_camera) is not None])
    true = torch.from_numpy(poses)
    begin = time.perf_counter()
    representation = MeshSplatting(runtime)
    representation.fit(scene)
    fit = time.perf_counter() - begin
    chamfer = ChamferRetrieval(runtime, threshold=THRESHOLD)
    first, last = options.rates
    mask = MaskAlignment(
        runtime,
        learning_rate=first,
        late_learning_rate=last,
        candidates=options.candidates,
        threshold=THRESHOLD,
    )
    chamfer.fit(scene, representation)
    mask.fit(scene, representation)
    mask.estimate(images[:1], chamfer.estimate(images[:1], None))
    begin = time.perf_counter()
    coarse = chamfer.estimate(images, None)
    fine = mask.estimate(images, coarse)
    each = (time.perf_counter() - begin) / len(images)
    masks = foreground(images, THRESHOLD)
    columns = []
    for estimated in (coarse, fine):
        columns += [*errors(estimated, true), overlaps(representation, estimated, masks)]
    anomalous = np.array([float(answers[index].anomalous) for index in known])
    return np.stack([*columns, anomalous], axis=1), fit, each


def errors(estimated: Poses, true: Tensor) -> tuple[Matrix, Matrix]:
    """Angles in degrees and distances in scene units from the true cameras, (N,) each."""
    motion = estimated.world_to_camera.double()
    chord = (motion[:, :3, :3] - true[:, :3, :3]).flatten(1).norm(dim=1) / np.sqrt(8)
    centres = [-(pose[:, :3, :3].mT @ pose[:, :3, 3:])[:, :, 0] for pose in (motion, true)]
    return np.degrees(2 * np.arcsin(np.minimum(chord.numpy(), 1))), (centres[0] - centres[1]).norm(dim=1).numpy()


def overlaps(representation: MeshSplatting, poses: Cameras, masks: Tensor) -> Matrix:
    """Intersection over union of rendered and query masks, (N,)."""
    rendered = representation.render(poses).alpha[:, 0] > 0.5
    union = (rendered | masks).flatten(1).sum(1)
    shares: Matrix = ((rendered & masks).flatten(1).sum(1) / union).double().numpy()
    return shares


def line(table: Matrix) -> str:
    """The columns of one row of the printed table."""

    def change(statistic: Matrix, width: int, digits: int) -> str:
        before, after = (f"{value:.{digits}f}" for value in statistic)
        return f"{before:>{width}} -> {after:>5}"

    rotations, positions = table[:, [ROTATION, ROTATION_AFTER]], table[:, [POSITION, POSITION_AFTER]]
    shares = table[:, [OVERLAP, OVERLAP_AFTER]]
    return " ".join(
        [
            f"{len(table):4}",
            change(np.median(rotations, axis=0), 8, 2),
            change(np.percentile(rotations, 90, axis=0), 8, 1),
            change(np.median(positions, axis=0), 8, 3),
            change(shares.mean(axis=0), 6, 3),
            f"{np.mean(shares[:, 1] > shares[:, 0]):7.0%}",
        ]
    )


if __name__ == "__main__":
    main()
