"""Compile the numba kernels ahead of their first use; the result is cached on disk."""

from __future__ import annotations


def compile_kernels() -> None:
    """Compile every kernel of the rasterizer and of the photometric loss, or load it from the cache."""
    import torch

    from padbench.scene import Cameras
    from padbench_gaussians.photometric_loss import photometric_loss
    from padbench_gaussians.rasterization import rasterize

    means = torch.tensor([[0.0, 0.0, 2.0]], requires_grad=True)
    cameras = Cameras(torch.tensor([[[8.0, 0, 4], [0, 8, 4], [0, 0, 1]]]), torch.eye(4)[None], 8, 8)
    quats, scales = torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 3), 0.2)
    rendering = rasterize(means, quats, scales, torch.tensor([0.5]), torch.rand(1, 3), cameras)
    photometric_loss(rendering.rgb, torch.zeros_like(rendering.rgb)).backward()  # type: ignore[no-untyped-call]
