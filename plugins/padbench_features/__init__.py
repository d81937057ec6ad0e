"""Detectors that compare frozen features of a query with those of a rendering."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_weights = "padbench_features.weights:WEIGHTS"


@hookimpl
def padbench_register(registry: Registry) -> None:
    registry.detector("feature-cosine", "padbench_features.cosine:FeatureCosine")
    registry.detector("feature-mse", "padbench_features.squared_difference:FeatureSquaredDifference")
