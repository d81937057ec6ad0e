"""Coarse poses by retrieval: the training view that a query resembles most."""

from __future__ import annotations

from padbench.hookspecs import Registry, hookimpl

padbench_api_version = 1
padbench_weights = "padbench_retrieval.weights:WEIGHTS"


@hookimpl
def padbench_register(registry: Registry) -> None:
    registry.pose_estimator("lightglue", "padbench_retrieval.retrieval:LightGlueRetrieval")
    registry.pose_estimator("loftr", "padbench_retrieval.loftr:LoFTRRetrieval")
