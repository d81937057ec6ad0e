"""What is said of a query beside its pictures."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from padbench.metrics.pose import rotation_errors, translation_errors
from padbench.metrics.unit import failed, matrices
from padbench.scene import GroundTruth


def facts(row: dict[str, Any], truth: GroundTruth) -> list[str]:
    """Defect, image score and pose errors of a row of the predictions, or why the query failed."""
    said = [f"defect: {truth.defect}" if truth.anomalous else "normal"]
    if failed(row):
        return [*said, f"failed: {shorten(row['error'], 110)}"]
    said.append(f"image score {row['image_score']:.4g}")
    if truth.world_to_camera is not None and row.get("world_to_camera") is not None:
        true = truth.world_to_camera[None]
        final = matrices([row], "world_to_camera")
        rotation = f"rotation error {_degrees(final, true)}"
        if row.get("coarse_world_to_camera") is not None:
            rotation += f" (coarse {_degrees(matrices([row], 'coarse_world_to_camera'), true)})"
        said += [rotation, f"translation error {translation_errors(final, true)[0]:.3g}"]
    return said


def _degrees(estimated: NDArray[np.float64], true: NDArray[np.float64]) -> str:
    return f"{np.rad2deg(rotation_errors(estimated, true)[0]):.2f}°"
