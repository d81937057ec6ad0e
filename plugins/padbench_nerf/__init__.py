"""The representation "nerf", built from the parts of nerfstudio."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_warmup = "padbench_nerf.warmup:compile_kernels"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the representation "nerf"."""
    registry.representation("nerf", "padbench_nerf.representation:NeuralRadianceField")
