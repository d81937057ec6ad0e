"""Compile the kernels of the rasterizer ahead of their first use; the result is cached on disk."""

from __future__ import annotations


def compile_kernels(device: str = "cpu") -> None:
    """Compile every kernel of the rasterizer and of the photometric loss for a device, or load it from the cache.

    On the CPU these are numba's, on CUDA gsplat's.
    """
    import torch

    from padbench.scene import Cameras
    from padbench_gaussians.photometric_loss import photometric_loss
    from padbench_gaussians.rasterization import rasterize

    means = torch.tensor([[0.0, 0.0, 2.0]], device=device, requires_grad=True)
    K = torch.tensor([[[8.0, 0, 4], [0, 8, 4], [0, 0, 1]]], device=device)
    cameras = Cameras(K, torch.eye(4, device=device)[None], 8, 8)
    quats, scales = torch.tensor([[1.0, 0, 0, 0]], device=device), torch.full((1, 3), 0.2, device=device)
    opacities, colors = torch.tensor([0.5], device=device), torch.ones(1, 3, device=device)
    rendering = rasterize(means, quats, scales, opacities, colors, cameras)
    photometric_loss(rendering.rgb, torch.zeros_like(rendering.rgb)).backward()  # type: ignore[no-untyped-call]
