"""3D Gaussian Splatting: the representations "3dgs" and "mesh2splat", and the rasterizer other plugins build on."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_warmup = "padbench_gaussians.warmup:compile_kernels"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the representations "3dgs" and "mesh2splat"."""
    registry.representation("3dgs", "padbench_gaussians.representation:GaussianSplatting")
    registry.representation("mesh2splat", "padbench_gaussians.mesh_representation:MeshSplatting")
