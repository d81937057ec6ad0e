"""Errors of estimated camera poses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rotation_errors(
    estimated: NDArray[np.float64],  # (N, 4, 4) world to camera
    true: NDArray[np.float64],  # (N, 4, 4) world to camera
) -> NDArray[np.float64]:
    """The angle between two orientations in radians, (N,): 2 arccos |q1 . q2|.

    Computed as 2 atan2(|vector part|, |scalar part|) of the relative quaternion, which keeps its accuracy where arccos
    loses it, near 0. Raises ValueError when a matrix holds NaN or a reflection.
    """
    from scipy.spatial.transform import Rotation

    relative = np.swapaxes(true[:, :3, :3], 1, 2) @ estimated[:, :3, :3]
    angles: NDArray[np.float64] = Rotation.from_matrix(relative).magnitude()
    return angles


def translation_errors(
    estimated: NDArray[np.float64],  # (N, 4, 4) world to camera
    true: NDArray[np.float64],  # (N, 4, 4) world to camera
) -> NDArray[np.float64]:
    """The distance between the camera centres in scene units, (N,)."""
    distances: NDArray[np.float64] = np.linalg.norm(_centres(estimated) - _centres(true), axis=1)
    return distances


def area_under_recall(errors: NDArray[np.float64], threshold: float) -> float:
    """The area under the cumulative error curve from 0 to the threshold, divided by the threshold.

    The curve joins (0, 0) and the points (i-th smallest error, i / N) by straight lines and stays level after the last
    error below the threshold, as in the evaluation of SuperGlue (Sarlin et al., CVPR 2020) and its successors.
    errors: (N,), N >= 1, not negative, in the unit of the threshold.
    """
    ordered = np.sort(errors)
    within = int(np.searchsorted(ordered, threshold))
    recall = np.arange(within + 1) / len(ordered)
    x = np.concatenate(([0.0], ordered[:within], [threshold]))
    y = np.append(recall, recall[-1])
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / threshold)


def pose_metrics(
    estimated: NDArray[np.float64],  # (N, 4, 4) world to camera
    true: NDArray[np.float64],  # (N, 4, 4) world to camera
) -> dict[str, float]:
    """Summarise the errors of N poses: degrees, radians, scene units, fractions; empty where N is 0."""
    if len(true) == 0:
        return {}
    radians = rotation_errors(estimated, true)
    degrees = np.rad2deg(radians)
    distances = translation_errors(estimated, true)
    return {
        "rotation_deg_median": float(np.median(degrees)),
        "rotation_deg_mean": float(np.mean(degrees)),
        "rotation_rad_mean": float(np.mean(radians)),
        "translation_median": float(np.median(distances)),
        "translation_mean": float(np.mean(distances)),
        "success_1deg": float(np.mean(degrees < 1.0)),
        "success_05deg": float(np.mean(degrees < 0.5)),
        "auc_5deg": area_under_recall(degrees, 5.0),
        "auc_10deg": area_under_recall(degrees, 10.0),
        "auc_20deg": area_under_recall(degrees, 20.0),
    }


def _centres(world_to_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    rotation, translation = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
    centres: NDArray[np.float64] = -np.einsum("nji,nj->ni", rotation, translation)
    return centres
