"""3D Gaussian Splatting: the representation "3dgs" and the rasterizer other plugins build on."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_warmup = "padbench_gaussians.warmup:compile_kernels"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the representation "3dgs"."""
    registry.representation("3dgs", "padbench_gaussians.representation:GaussianSplatting")
