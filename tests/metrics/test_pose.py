"""Pose errors of poses whose error is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from padbench.metrics.pose import area_under_recall, pose_metrics, rotation_errors, translation_errors


def _pose(rotation: Rotation, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[:3, :3] = rotation.as_matrix()
    pose[:3, 3] = -pose[:3, :3] @ centre
    return pose


_vectors = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda vector: float(np.linalg.norm(vector)) > 1e-3)
_angles = st.one_of(st.floats(0, np.pi), st.floats(-12, -3).map(lambda exponent: 10.0**exponent), st.just(np.pi))


@settings(max_examples=200, deadline=None)
@given(_vectors, _vectors, _angles, _vectors, st.floats(0, 5))
def test_recovers_the_error_that_was_put_in(
    orientation: NDArray[np.float64], axis: NDArray[np.float64], angle: float, centre: NDArray[np.float64], shift: float
) -> None:
    """The angle of a rotation put between two poses and the shift of the centre, also for tiny and flat angles."""
    rotation = Rotation.from_rotvec(orientation)
    turned = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle) * rotation
    true = _pose(rotation, centre)[None]
    estimated = _pose(turned, centre + np.array([0.6, 0.0, 0.8]) * shift)[None]
    assert rotation_errors(estimated, true)[0] == pytest.approx(angle, rel=1e-7, abs=1e-15)
    assert rotation_errors(true, estimated)[0] == pytest.approx(angle, rel=1e-7, abs=1e-15)
    assert translation_errors(estimated, true)[0] == pytest.approx(shift, abs=1e-12)


def test_a_float32_pose_has_an_error_of_its_rounding_only() -> None:
    """Predictions are float32: an exact pose must not be reported as wrong by the square root of its rounding."""
    generator = np.random.default_rng(0)
    true = np.stack([_pose(Rotation.random(rng=generator), generator.normal(size=3)) for _ in range(50)])
    assert rotation_errors(true.astype(np.float32).astype(np.float64), true).max() < 2e-7


def test_area_under_recall_by_hand() -> None:
    """Errors 1, 3 and 10 at threshold 5: 0..1 rises to 1/3, 1..3 to 2/3, then level."""
    area = 1 * (1 / 3) / 2 + 2 * (1 / 3 + 2 / 3) / 2 + 2 * (2 / 3)
    assert area_under_recall(np.array([10.0, 1.0, 3.0]), 5.0) == pytest.approx(area / 5)
    assert area_under_recall(np.array([0.0, 0.0]), 5.0) == 1.0
    assert area_under_recall(np.array([5.0, 6.0]), 5.0) == 0.0


@given(st.lists(st.floats(0, 180), min_size=1, max_size=30), st.sampled_from([5.0, 10.0, 20.0]))
def test_area_under_recall_is_within_one_step_of_the_exact_integral(errors: list[float], threshold: float) -> None:
    """The integral of the empirical recall is the mean of (1 - error / threshold)+; lines add half a step at most."""
    exact = float(np.mean(np.maximum(0, 1 - np.array(errors) / threshold)))
    area = area_under_recall(np.array(errors), threshold)
    assert exact - 1e-12 <= area <= min(1.0, exact + 0.5 / len(errors)) + 1e-12


def test_metrics_of_known_errors() -> None:
    """Success and means of errors 0.2, 0.7, 3 and 90 degrees."""
    degrees = np.array([0.2, 0.7, 3.0, 90.0])
    true = np.stack([_pose(Rotation.identity(), np.zeros(3))] * 4)
    estimated = np.stack(
        [_pose(Rotation.from_euler("y", angle, degrees=True), np.array([0, 0, angle])) for angle in degrees]
    )
    metrics = pose_metrics(estimated, true)
    assert metrics["success_1deg"] == 0.5
    assert metrics["success_05deg"] == 0.25
    assert metrics["rotation_deg_mean"] == pytest.approx(degrees.mean())
    assert metrics["rotation_deg_median"] == pytest.approx(1.85)
    assert metrics["rotation_rad_mean"] == pytest.approx(np.deg2rad(degrees.mean()))
    assert metrics["translation_mean"] == pytest.approx(degrees.mean())
    assert metrics["translation_median"] == pytest.approx(1.85)
    assert 0 < metrics["auc_5deg"] < metrics["auc_10deg"] < metrics["auc_20deg"] < 0.75
    assert pose_metrics(np.empty((0, 4, 4)), np.empty((0, 4, 4))) == {}
