"""OmniposeAD (Zhou et al., NeurIPS 2023): pose by inverting a NeRF on rays of interest regions."""

from __future__ import annotations

from pathlib import Path

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the pose estimator "inerf" and the method "omniposead"."""
    registry.pose_estimator("inerf", "padbench_omniad.inverse_nerf:InverseNeRF")
    registry.method("omniposead", Path(__file__).parent / "omniposead.yaml")
