"""SplatPose (Kruse et al., CVPR Workshops 2024): pose by moving the Gaussians along a screw axis."""

from __future__ import annotations

from pathlib import Path

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the pose estimator "splatpose" and the method of the same name."""
    registry.pose_estimator("splatpose", "padbench_splatpose.moving_splats:MovingSplats")
    registry.method("splatpose", Path(__file__).parent / "splatpose.yaml")
