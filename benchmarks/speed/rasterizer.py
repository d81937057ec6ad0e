"""Time the CPU rasterizer and the photometric loss against the same in vectorised torch, in one interleaved run.

    python benchmarks/speed/rasterizer.py [--threads 1 --threads 2] [--repeats 30]

Every size is rendered by both in turn (ours several times for each run of torch's, which takes longer); the table holds
medians after warm-up. Depth and alpha are rendered and differentiated as well as RGB.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import click
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import Tensor

from padbench.interfaces import Rendering
from padbench.scene import Cameras
from padbench_gaussians.photometric_loss import photometric_loss, structural_similarity
from padbench_gaussians.rasterization import rasterize

SIZES = ((200, 10_000), (400, 20_000))
OURS_PER_TORCH = 5
SIGMA = 1.2  # pixels, the dilation by 0.3 included


def random_scene(image_size: int, number: int) -> tuple[list[Tensor], Cameras]:
    """A ball of Gaussians of about SIGMA pixels that fills most of the image."""
    generator = torch.Generator().manual_seed(0)
    distance, focal = 3.2, 1.2 * image_size
    directions = torch.nn.functional.normalize(torch.randn(number, 3, generator=generator), dim=1)
    means = directions * torch.rand(number, 1, generator=generator) ** (1 / 3)
    quats = torch.randn(number, 4, generator=generator)
    sizes = torch.exp(0.3 * torch.randn(number, 3, generator=generator))
    scales = sizes * (SIGMA**2 - 0.3) ** 0.5 * distance / focal
    opacities = 0.05 + 0.9 * torch.rand(number, generator=generator)
    colors = torch.rand(number, 3, generator=generator)
    pose = torch.eye(4)[None].clone()
    pose[:, 2, 3] = distance
    half = image_size / 2
    K = torch.tensor([[[focal, 0, half], [0, focal, half], [0, 0, 1]]])
    gaussians = [tensor.requires_grad_() for tensor in (means, quats, scales, opacities, colors)]
    return gaussians, Cameras(K, pose.requires_grad_(), image_size, image_size)


def rasterize_in_torch(
    means: Tensor,  # (N, 3)
    quats: Tensor,  # (N, 4)
    scales: Tensor,  # (N, 3)
    opacities: Tensor,  # (N,)
    colors: Tensor,  # (N, 3)
    cameras: Cameras,
) -> Rendering:
    """What a user without gsplat's CUDA kernels can write: every (Gaussian, pixel) pair of the bounding boxes in one
    flat list, sorted by pixel, transmittance by a cumulative sum of logarithms, gradients by autograd.
    """
    width, height = cameras.width, cameras.height
    rotation, translation = cameras.world_to_camera[0, :3, :3], cameras.world_to_camera[0, :3, 3]
    K = cameras.K[0]
    points = means @ rotation.T + translation
    front = points[:, 2].detach() > 0.01
    order = torch.nonzero(front).squeeze(1)[torch.argsort(points[front, 2].detach(), stable=True)]
    x, y, z = points[order].unbind(1)
    opacity, color = opacities[order], colors[order]

    w, i, j, k = torch.nn.functional.normalize(quats[order], dim=1).unbind(1)
    axes = torch.stack(
        [
            1 - 2 * (j * j + k * k),
            2 * (i * j - w * k),
            2 * (i * k + w * j),
            2 * (i * j + w * k),
            1 - 2 * (i * i + k * k),
            2 * (j * k - w * i),
            2 * (i * k - w * j),
            2 * (j * k + w * i),
            1 - 2 * (i * i + j * j),
        ],
        dim=1,
    ).reshape(-1, 3, 3)
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [K[0, 0] / z, zero, -K[0, 0] * x / z**2, zero, K[1, 1] / z, -K[1, 1] * y / z**2], dim=1
    ).reshape(-1, 2, 3)
    shape = jacobian @ rotation @ axes * scales[order, None, :]
    covariance = shape @ shape.mT
    xx, xy, yy = covariance[:, 0, 0] + 0.3, covariance[:, 0, 1], covariance[:, 1, 1] + 0.3
    determinant = xx * yy - xy * xy
    center = torch.stack([K[0, 0] * x / z + K[0, 2], K[1, 1] * y / z + K[1, 2]], dim=1)

    with torch.no_grad():
        reach = (2 * torch.log(255 * opacity).clamp(min=0)).sqrt()
        radius = torch.stack([reach * xx.sqrt(), reach * yy.sqrt()], dim=1)
        limit = torch.tensor([width, height])
        low = (center - radius - 0.5).ceil().long().clamp(min=0)
        high = torch.minimum((center + radius - 0.5).floor().long() + 1, limit)
        box = (high - low).clamp(min=0)
        count = box[:, 0] * box[:, 1]
        splat = torch.repeat_interleave(torch.arange(count.numel()), count)
        within = torch.arange(splat.numel()) - torch.repeat_interleave(count.cumsum(0) - count, count)
        column = low[splat, 0] + within % box[splat, 0]
        row = low[splat, 1] + within // box[splat, 0]

    def alpha_of(splat: Tensor, column: Tensor, row: Tensor) -> Tensor:
        u = column + 0.5 - center[splat, 0]
        v = row + 0.5 - center[splat, 1]
        distance = (yy / determinant)[splat] * u * u + (xx / determinant)[splat] * v * v
        distance = distance - 2 * (xy / determinant)[splat] * u * v
        return opacity[splat] * torch.exp(-0.5 * distance)

    with torch.no_grad():
        # Only pairs that count are sorted and differentiated.
        kept = torch.nonzero(alpha_of(splat, column, row) >= 1 / 255).squeeze(1)
        pixel, sorting = torch.sort(row[kept] * width + column[kept], stable=True)
        splat, column, row = (index[kept][sorting] for index in (splat, column, row))
        first = torch.searchsorted(pixel, torch.arange(width * height))[pixel]
    alpha = alpha_of(splat, column, row).clamp(max=0.999)
    logarithms = torch.log1p(-alpha.double())
    sums = logarithms.cumsum(0)
    before = sums - logarithms
    after = sums - before[first]
    going = after > torch.log(torch.tensor(1e-4, dtype=torch.float64))
    weight = torch.where(going, alpha * torch.exp(after - logarithms).float(), 0.0)
    values = torch.cat([color, z[:, None], torch.ones_like(z[:, None])], dim=1)[splat] * weight[:, None]
    image = torch.zeros(width * height, 5).index_add(0, pixel, values).T.reshape(1, 5, height, width)
    return Rendering(image[:, :3], image[:, 3:4] / image[:, 4:].clamp(min=1e-10), image[:, 4:])


def milliseconds(work: Callable[[], object], repeats: int) -> list[float]:
    """Wall time of every call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return times


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median milliseconds of both, warmed up and taken in turn."""
    milliseconds(ours, 5)
    milliseconds(theirs, 2)
    mine: list[float] = []
    others: list[float] = []
    for _ in range(repeats):
        mine += milliseconds(ours, OURS_PER_TORCH)
        others += milliseconds(theirs, 1)
    return statistics.median(mine), statistics.median(others)


def compare_renderers(image_size: int, number: int, repeats: int) -> tuple[list[tuple[str, float, float]], float]:
    """Rows (what, ours, torch) in milliseconds, and the share of pixels in which the two images differ."""
    gaussians, cameras = random_scene(image_size, number)
    means, quats, scales, opacities, colors = gaussians

    def ours() -> Rendering:
        return rasterize(means, quats, scales, opacities, colors, cameras)

    def in_torch() -> Rendering:
        return rasterize_in_torch(means, quats, scales, opacities, colors, cameras)

    leaves = [*gaussians, cameras.world_to_camera]
    first, second = ours(), in_torch()
    generator = torch.Generator().manual_seed(1)
    upstream = [torch.randn(image.shape, generator=generator) for image in outputs(first)]

    def forward(renderer: Callable[[], Rendering]) -> Callable[[], object]:
        def work() -> None:
            with torch.no_grad():
                renderer()

        return work

    def both(renderer: Callable[[], Rendering]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(outputs(renderer()), leaves, upstream)

    # Pixels that differ by more have a Gaussian at a threshold, where rounding decides; they must be rare.
    differing = ((first.rgb - second.rgb).abs() > 1e-3).double().mean().item()
    return [
        ("forward", *interleaved(forward(ours), forward(in_torch), repeats)),
        ("forward + backward", *interleaved(both(ours), both(in_torch), repeats)),
    ], differing


def compare_losses(image_size: int, repeats: int) -> tuple[str, float, float]:
    """A row for L1 + D-SSIM and its gradient."""
    generator = torch.Generator().manual_seed(2)
    target = torch.rand(1, 3, image_size, image_size, generator=generator)
    rendered = (target + 0.1 * torch.randn(target.shape, generator=generator)).requires_grad_()

    def in_torch() -> object:
        loss = 0.8 * (rendered - target).abs().mean() + 0.2 * (1 - structural_similarity(rendered, target))
        return torch.autograd.grad(loss, rendered)

    return (
        "loss with gradient",
        *interleaved(lambda: torch.autograd.grad(photometric_loss(rendered, target), rendered), in_torch, repeats),
    )


def outputs(rendering: Rendering) -> Sequence[Tensor]:
    """All that is differentiated."""
    return rendering.rgb, rendering.depth, rendering.alpha


@click.command()
@click.option("--threads", "counts", type=int, multiple=True, default=(1, 2), show_default=True)
@click.option("--repeats", default=9, show_default=True, help=f"Runs of torch's; ours takes {OURS_PER_TORCH} for each.")
def main(counts: tuple[int, ...], repeats: int) -> None:
    """Print medians and ratios for every size and thread count."""
    load = f"{os.getloadavg()[0]:.1f} of {os.cpu_count()} cores busy"
    table = Table(title=f"Median milliseconds, {platform.machine()}, torch {torch.__version__}, {load}", box=SIMPLE)
    for heading in ("image", "Gaussians", "threads", "what", "padbench", "torch", "ratio"):
        table.add_column(heading, justify="left" if heading == "what" else "right", no_wrap=True)
    for threads in counts:
        torch.set_num_threads(threads)
        for image_size, number in SIZES:
            rows, differing = compare_renderers(image_size, number, repeats)
            if differing > 1e-3:
                raise SystemExit(f"the two images differ in {differing:.1%} of the pixels: nothing to compare")
            rows.append(compare_losses(image_size, repeats))
            for what, ours, theirs in rows:
                table.add_row(
                    f"{image_size}x{image_size}",
                    f"{number:,}" if what.startswith("forward") else "",
                    str(threads),
                    what,
                    f"{ours:.1f}",
                    f"{theirs:.0f}",
                    f"{theirs / ours:.0f}",
                )
            table.add_section()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
