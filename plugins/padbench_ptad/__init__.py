"""PTAD: silhouettes for the pose, rendered depth and a trained comparison for the defects."""

from __future__ import annotations

from pathlib import Path

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_weights = "padbench_ptad.weights:WEIGHTS"


@hookimpl
def padbench_register(registry: Registry) -> None:
    """Register PTAD's components, its method and the baselines on the same task."""
    registry.pose_estimator("chamfer", "padbench_ptad.chamfer:ChamferRetrieval")
    registry.pose_estimator("mask", "padbench_ptad.mask_pose:MaskAlignment")
    registry.pose_estimator("reference-views", "padbench_ptad.reference_views:ReferenceViews")
    registry.detector("silhouette", "padbench_ptad.silhouette:SilhouetteDisagreement")
    registry.detector("mmpdn", "padbench_ptad.detectors:PyramidDetector")
    registry.detector("resnet18-fpn", "padbench_ptad.detectors:SingleImagePyramidDetector")
    registry.detector("vit-tiny", "padbench_ptad.detectors:SingleImageTransformerDetector")
    for name in ("ptad", "ptad-multi-view", "ptad-depth-anything", "silhouette", "resnet18-fpn", "vit-tiny"):
        registry.method(name, Path(__file__).parent / f"{name}.yaml")
