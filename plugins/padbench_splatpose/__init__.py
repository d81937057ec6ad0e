"""SplatPose (Kruse et al., CVPRW 2024): pose by moving the Gaussians along a screw axis."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register nothing yet."""
