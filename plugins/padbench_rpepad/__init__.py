"""RPE-PAD (Zhang et al.): the relative pose to a retrieved view, regressed in one forward pass."""

from __future__ import annotations

from pathlib import Path

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_weights = "padbench_rpepad.weights:WEIGHTS"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register the pose estimators "rvss-retrieval" and "irprn" and the method "rpe-pad"."""
    registry.pose_estimator("rvss-retrieval", "padbench_rpepad.retrieval:NovelViewRetrieval")
    registry.pose_estimator("irprn", "padbench_rpepad.irprn:RelativePoseRegression")
    registry.method("rpe-pad", Path(__file__).parent / "rpe-pad.yaml")
