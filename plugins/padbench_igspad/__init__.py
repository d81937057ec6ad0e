"""IGSPAD (Jiang et al., MM 2024): pose by inverting 3D Gaussian Splatting with Matching Points Sampling."""

from __future__ import annotations

from pathlib import Path

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the pose estimator "igs" and the method "igspad"."""
    registry.pose_estimator("igs", "padbench_igspad.inverse_splatting:InverseSplatting")
    registry.method("igspad", Path(__file__).parent / "igspad.yaml")
