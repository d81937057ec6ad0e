"""The CUDA path of `rasterize`: `gsplat.rasterization`, and IGSPAD's translation gradient on top of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from padbench.interfaces import Rendering
from padbench.scene import Cameras


def rasterize_with_gsplat(
    means: Tensor,  # (N, 3)
    quats: Tensor,  # (N, 4)
    scales: Tensor,  # (N, 3)
    opacities: Tensor,  # (N,)
    colors: Tensor,  # (N, 3)
    cameras: Cameras,
    background: Tensor,  # (3,)
    antialiased: bool,
    covariance_gradient: bool,
) -> Rendering:
    """Render on the tensors' CUDA device; see `padbench_gaussians.rasterization.rasterize`."""
    import gsplat

    world_to_camera = cameras.world_to_camera
    mean_only = world_to_camera.requires_grad and not covariance_gradient
    if mean_only:
        world_to_camera = world_to_camera.clone()
    images, alpha, meta = gsplat.rasterization(
        means,
        quats,
        scales,
        opacities,
        colors,
        world_to_camera,
        cameras.K,
        cameras.width,
        cameras.height,
        packed=False,
        backgrounds=background.expand(len(cameras), 3),
        render_mode="RGB+ED",
        rasterize_mode="antialiased" if antialiased else "classic",
    )
    if mean_only:
        _keep_mean_term(world_to_camera, cameras.K, means, meta)
    channels = images.permute(0, 3, 1, 2)
    return Rendering(channels[:, :3], channels[:, 3:], alpha.permute(0, 3, 1, 2))


def _keep_mean_term(
    world_to_camera: Tensor,  # (B, 4, 4), used by nothing but the rendering
    K: Tensor,  # (B, 3, 3)
    means: Tensor,  # (N, 3)
    meta: dict[str, Any],
) -> None:
    """Replace the translation's gradient by its part through the projected means and depths (IGSPAD, Eq. 3)."""
    arrived: dict[str, Tensor] = {}

    def keep(name: str) -> None:
        def hook(gradient: Tensor) -> None:
            arrived[name] = gradient

        meta[name].register_hook(hook)

    def replace(gradient: Tensor) -> Tensor:  # (B, 4, 4)
        rotation, translation = world_to_camera.detach()[:, :3, :3], world_to_camera.detach()[:, :3, 3]
        x, y, z = (means.detach() @ rotation.mT + translation[:, None]).unbind(-1)  # (B, N) each
        # The gradients of what was culled are 0, but its 1 / z may be infinite.
        inverse = torch.where((meta["radii"] > 0).all(dim=-1), 1 / z, 0.0)
        v_means2d = arrived.pop("means2d")
        v_x = K[:, 0, 0, None] * inverse * v_means2d[..., 0]
        v_y = K[:, 1, 1, None] * inverse * v_means2d[..., 1]
        v_z = arrived.pop("depths") - (v_x * x + v_y * y) * inverse
        replaced = gradient.clone()
        replaced[:, :3, 3] = torch.stack([v_x.sum(1), v_y.sum(1), v_z.sum(1)], dim=-1)
        return replaced

    keep("means2d")
    keep("depths")
    world_to_camera.register_hook(replace)  # type: ignore[no-untyped-call]
