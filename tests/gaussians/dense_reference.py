"""The rasterizer's oracle: every Gaussian on every pixel in float64 torch, differentiated by autograd.

The semantics are gsplat 1.5.3's (`ProjectionEWA3DGSFused.cu`, `RasterizeToPixels3DGSFwd.cu`). Tiles and radii are left
out: they only skip Gaussians whose alpha is below 1/255, which are skipped here one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from padbench.scene import Cameras

EPS2D = 0.3
NEAR_PLANE = 0.01
ALPHA_CLAMP = 0.999
ALPHA_SKIP = 1.0 / 255.0
TRANSMITTANCE_STOP = 1e-4


@dataclass(frozen=True)
class DenseRendering:
    """What `rasterize` must return, in float64.

    ambiguous: pixels where a Gaussian lies so near a threshold (1/255, 1e-4, the clamp) that float32 may rightly
    decide otherwise; leave them out of a comparison.
    """

    rgb: Tensor  # (B, 3, H, W)
    depth: Tensor  # (B, 1, H, W)
    alpha: Tensor  # (B, 1, H, W)
    ambiguous: Tensor  # (B, 1, H, W) bool


def dense_rasterize(
    means: Tensor,  # (N, 3) world
    quats: Tensor,  # (N, 4) wxyz
    scales: Tensor,  # (N, 3)
    opacities: Tensor,  # (N,)
    colors: Tensor,  # (N, 3)
    cameras: Cameras,
    background: Tensor | None = None,  # (3,)
    *,
    antialiased: bool = False,
    covariance_gradient: bool = True,
) -> DenseRendering:
    """Render as `padbench_gaussians.rasterization.rasterize` does, in O(N H W) memory and time for each camera."""
    backdrop = torch.zeros(3, dtype=torch.float64) if background is None else background.double()
    renderings = [
        _render_one(
            means.double(),
            quats.double(),
            scales.double(),
            opacities.double(),
            colors.double(),
            cameras.world_to_camera[index].double(),
            cameras.K[index].double(),
            cameras.width,
            cameras.height,
            backdrop,
            antialiased,
            covariance_gradient,
        )
        for index in range(len(cameras))
    ]
    rgb, depth, alpha, ambiguous = (torch.stack(parts) for parts in zip(*renderings, strict=True))
    return DenseRendering(rgb, depth, alpha, ambiguous)


def rotation_matrices(quats: Tensor) -> Tensor:  # (N, 4) wxyz -> (N, 3, 3)
    """Rotations of quaternions that need not be normalised."""
    w, x, y, z = (quats / quats.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _render_one(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    world_to_camera: Tensor,  # (4, 4)
    K: Tensor,  # (3, 3)
    width: int,
    height: int,
    background: Tensor,
    antialiased: bool,
    covariance_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rotation, translation = world_to_camera[:3, :3], world_to_camera[:3, 3]
    rotated = means @ rotation.T
    # Culling and order are not differentiable; what is culled must not even meet a division by zero.
    depths = (rotated + translation)[:, 2].detach()
    kept = torch.nonzero(depths >= NEAR_PLANE).squeeze(1)
    order = kept[torch.sort(depths[kept], stable=True).indices]
    rotated = rotated[order]
    quats, scales, opacities, colors = quats[order], scales[order], opacities[order], colors[order]

    x, y, z = (rotated + translation).unbind(-1)
    mean2d = torch.stack([K[0, 0] * x / z + K[0, 2], K[1, 1] * y / z + K[1, 2]], dim=-1)  # (N, 2)

    covariance_translation = translation if covariance_gradient else translation.detach()
    jacobian = _projection_jacobian(rotated + covariance_translation, K, width, height)  # (N, 2, 3)
    shape = jacobian @ rotation @ rotation_matrices(quats) * scales[:, None, :]  # (N, 2, 3)
    sharp = shape @ shape.transpose(1, 2)
    covariance = sharp + EPS2D * torch.eye(2, dtype=torch.float64)
    if antialiased:
        ratio = torch.linalg.det(sharp) / torch.linalg.det(covariance)
        opacities = opacities * ratio.clamp(min=0).sqrt()

    columns = torch.arange(width, dtype=torch.float64) + 0.5
    rows = torch.arange(height, dtype=torch.float64) + 0.5
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).reshape(-1, 2)  # (P, 2)
    delta = mean2d[:, None, :] - pixels  # (N, P, 2)
    distance = torch.einsum("npi,nij,npj->np", delta, torch.linalg.inv(covariance), delta)
    raw = opacities[:, None] * torch.exp(-0.5 * distance)
    alpha = torch.where(raw < ALPHA_SKIP, 0.0, raw.clamp(max=ALPHA_CLAMP))  # (N, P)

    # The product only falls: once it is at the stop, every later Gaussian is cut as well, as the loop of a pixel does.
    after = torch.cumprod(1 - alpha, dim=0)
    alive = after > TRANSMITTANCE_STOP
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    weights = torch.where(alive, alpha * before, 0.0)
    remaining = torch.where(alive, 1 - alpha, 1.0).prod(dim=0)  # (P,)

    rgb = torch.einsum("np,nc->cp", weights, colors) + remaining * background[:, None]
    opacity = 1 - remaining
    depth = (weights * z[:, None]).sum(0) / opacity.clamp(min=1e-10)
    ambiguous = (
        ((raw / ALPHA_SKIP - 1).abs() < 1e-4)
        | ((raw / ALPHA_CLAMP - 1).abs() < 1e-4)
        | (((after / TRANSMITTANCE_STOP - 1).abs() < 1e-3) & (alpha > 0))
    ).any(dim=0)
    return (
        rgb.reshape(3, height, width),
        depth.reshape(1, height, width),
        opacity.reshape(1, height, width),
        ambiguous.reshape(1, height, width),
    )


def _projection_jacobian(camera_means: Tensor, K: Tensor, width: int, height: int) -> Tensor:
    """Derivative of the projection (N, 2, 3), taken at a point that is clamped to 1.3 times the field of view."""
    x, y, z = camera_means.unbind(-1)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    margin_x, margin_y = 0.15 * width / fx, 0.15 * height / fy
    u = (x / z).clamp(min=-(cx / fx + margin_x), max=(width - cx) / fx + margin_x)
    v = (y / z).clamp(min=-(cy / fy + margin_y), max=(height - cy) / fy + margin_y)
    zero = torch.zeros_like(z)
    rows = [
        torch.stack([fx / z, zero, -fx * u / z], dim=-1),
        torch.stack([zero, fy / z, -fy * v / z], dim=-1),
    ]
    return torch.stack(rows, dim=1)
