"""Render 3D Gaussians: one differentiable function, `gsplat.rasterization` on CUDA and numba kernels on the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from padbench.interfaces import Rendering
from padbench.scene import Cameras
from padbench_gaussians.kernels.binning import bin_into_tiles
from padbench_gaussians.kernels.compositing import TILE_SIZE, composite
from padbench_gaussians.kernels.compositing_gradient import composite_gradient
from padbench_gaussians.kernels.projection import project
from padbench_gaussians.kernels.projection_gradient import project_gradient
from padbench_gaussians.kernels.records import ALPHA_CLAMP, CHUNK, RECORD, SUMS
from padbench_gaussians.kernels.scheduling import run

FloatArray = NDArray[np.float32]


def rasterize(
    means: Tensor,  # (N, 3) world
    quats: Tensor,  # (N, 4) wxyz
    scales: Tensor,  # (N, 3) world units, positive
    opacities: Tensor,  # (N,) in (0, 1)
    colors: Tensor,  # (N, 3) RGB
    cameras: Cameras,
    background: Tensor | None = None,  # (3,) RGB
    *,
    antialiased: bool = False,
    covariance_gradient: bool = True,
) -> Rendering:
    """Render a batch of cameras, with gsplat 1.5.3's conventions on every device (float32).

    The depth is the expected depth (accumulated depth over alpha). Gradients flow from rgb, depth and alpha to every
    tensor but the background and the intrinsics, and to `cameras.world_to_camera`. quats need not be normalised;
    background None is black. antialiased: Mip-Splatting's compensation of the opacity. covariance_gradient False: the
    gradient of the cameras' translation keeps the term of the projected mean and depth only (IGSPAD, Eq. 3); every
    other gradient stays whole. On the CPU `torch.get_num_threads()` threads work on it, and their number does not
    change a bit of the result. Raises ValueError for tensors of another shape, dtype or device.
    """
    _check(means, quats, scales, opacities, colors, cameras, background)
    if background is None:
        background = torch.zeros(3, device=means.device)
    if means.is_cuda:
        from padbench_gaussians.gsplat_backend import rasterize_with_gsplat

        return rasterize_with_gsplat(
            means, quats, scales, opacities, colors, cameras, background, antialiased, covariance_gradient
        )
    rgb, depth, alpha = _Rasterize.apply(  # type: ignore[no-untyped-call]
        means,
        quats,
        scales,
        opacities,
        colors,
        cameras.world_to_camera,
        cameras.K,
        background,
        cameras.width,
        cameras.height,
        antialiased,
        covariance_gradient,
    )
    return Rendering(rgb, depth, alpha)


def _check(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    cameras: Cameras,
    background: Tensor | None,
) -> None:
    number, batch = means.shape[0], len(cameras)
    expected = [
        ("means", means, (number, 3)),
        ("quats", quats, (number, 4)),
        ("scales", scales, (number, 3)),
        ("opacities", opacities, (number,)),
        ("colors", colors, (number, 3)),
        ("world_to_camera", cameras.world_to_camera, (batch, 4, 4)),
        ("K", cameras.K, (batch, 3, 3)),
    ]
    if background is not None:
        expected.append(("background", background, (3,)))
    for name, tensor, shape in expected:
        if tensor.shape != shape or tensor.dtype != torch.float32 or tensor.device != means.device:
            raise ValueError(
                f"{name} must be float32 of shape {shape} on {means.device}, "
                f"not {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}"
            )


@dataclass(frozen=True)
class _Splats:
    """What one camera's forward pass leaves for its backward pass; arrays as in `kernels.records`."""

    record: FloatArray
    record_bounds: NDArray[np.uint64]
    first_position: NDArray[np.int32]
    positions: NDArray[np.int32]
    tile_start: NDArray[np.int32]
    entries: NDArray[np.int32]
    hits: NDArray[np.uint64]


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        opacities: Tensor,
        colors: Tensor,
        world_to_camera: Tensor,  # (B, 4, 4)
        K: Tensor,  # (B, 3, 3)
        background: Tensor,
        width: int,
        height: int,
        antialiased: bool,
        covariance_gradient: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        batch = world_to_camera.shape[0]
        rgb = torch.empty(batch, 3, height, width)
        depth = torch.empty(batch, 1, height, width)
        alpha = torch.empty(batch, 1, height, width)
        images = [_array(image).reshape(batch, -1) for image in (rgb, depth, alpha)]
        gaussians = [_array(tensor) for tensor in (means, quats, scales, opacities, colors)]
        poses, intrinsics, backdrop = _array(world_to_camera), _array(K), _array(background)
        threads = torch.get_num_threads()
        splats = []
        for index in range(batch):
            parts = _splat(gaussians, poses[index], intrinsics[index], width, height, antialiased, threads)
            run(
                composite,
                min(threads, parts.tile_start.size - 1),
                parts.record,
                parts.record_bounds,
                parts.tile_start,
                parts.entries,
                width,
                height,
                backdrop,
                ALPHA_CLAMP,
                *[image[index] for image in images],
                parts.hits,
            )
            splats.append(parts)
        ctx.save_for_backward(means, quats, scales, opacities, colors, world_to_camera, K, rgb, depth, alpha)
        ctx.splats = splats
        ctx.settings = width, height, antialiased, covariance_gradient
        return rgb, depth, alpha

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:  # of rgb, depth, alpha
        means, quats, scales, opacities, colors, world_to_camera, K, *images = ctx.saved_tensors
        width, height, antialiased, covariance_gradient = ctx.settings
        batch = world_to_camera.shape[0]
        threads = torch.get_num_threads()
        sources = [_array(tensor) for tensor in (means, quats, scales, opacities)]
        poses, intrinsics = _array(world_to_camera), _array(K)
        rendered = [_array(image).reshape(batch, -1) for image in images]
        upstream = [
            np.zeros_like(image) if gradient is None else _array(gradient).reshape(batch, -1)
            for gradient, image in zip(gradients, rendered, strict=True)
        ]
        # The cameras add to them one after another.
        results = [np.zeros(tensor.shape, np.float32) for tensor in (means, quats, scales, opacities, colors)]
        pose_gradient = np.zeros((batch, 4, 4), np.float32)
        chunks = np.empty((-(-means.shape[0] // CHUNK), 3, 4))
        for index, parts in enumerate(ctx.splats):
            sums = np.empty((parts.entries.size, SUMS), np.float32)
            run(
                composite_gradient,
                min(threads, parts.tile_start.size - 1),
                parts.record,
                parts.tile_start,
                parts.entries,
                parts.hits,
                width,
                height,
                ALPHA_CLAMP,
                *[image[index] for image in rendered],
                *[gradient[index] for gradient in upstream],
                sums,
            )
            run(
                project_gradient,
                min(threads, chunks.shape[0]),
                parts.first_position,
                parts.positions,
                sums,
                *sources,
                poses[index],
                intrinsics[index],
                width,
                height,
                antialiased,
                covariance_gradient,
                *results,
                chunks,
            )
            pose_gradient[index, :3] = chunks.sum(axis=0)
        return *[torch.from_numpy(array) for array in (*results, pose_gradient)], None, None, None, None, None, None


def _splat(
    gaussians: list[FloatArray],
    pose: FloatArray,  # (4, 4)
    intrinsics: FloatArray,  # (3, 3)
    width: int,
    height: int,
    antialiased: bool,
    threads: int,
) -> _Splats:
    number = gaussians[0].shape[0]
    record = np.empty((number, RECORD), np.float32)
    bounds = np.empty(number, np.uint64)
    tiles = np.empty(number, np.int32)
    run(
        project,
        min(threads, -(-number // CHUNK)),
        *gaussians,
        pose,
        intrinsics,
        width,
        height,
        antialiased,
        record,
        record.view(np.uint64),
        bounds,
        tiles,
    )
    first_position, positions, tile_start, entries = bin_into_tiles(
        record.view(np.uint32), bounds, tiles, -(-width // TILE_SIZE), -(-height // TILE_SIZE)
    )
    hits = np.empty(entries.size, np.uint64)
    return _Splats(record, record.view(np.uint64), first_position, positions, tile_start, entries, hits)


def _array(tensor: Tensor) -> FloatArray:
    """The tensor as a contiguous array that the kernels read or write."""
    array: FloatArray = tensor.detach().contiguous().numpy()
    return array
