"""Screw motions against scipy's exponential and the paper's closed form."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import expm

from padbench_splatpose.screw_axis import screw_motion

numbers = st.floats(-3, 3, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers)


def skew(w: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])


def motion(omega: NDArray[np.float64], v: NDArray[np.float64], theta: float) -> NDArray[np.float64]:
    found = screw_motion(
        torch.from_numpy(omega)[None], torch.from_numpy(v)[None], torch.tensor([theta], dtype=torch.float64)
    )
    result: NDArray[np.float64] = found[0].numpy()
    return result


@given(vectors, vectors, numbers)
def test_it_is_the_exponential_of_the_twist_and_always_rigid(
    omega: tuple[float, float, float], v: tuple[float, float, float], theta: float
) -> None:
    w, u = np.array(omega), np.array(v)
    twist = np.zeros((4, 4))
    twist[:3, :3], twist[:3, 3] = skew(w), u
    found = motion(w, u, theta)
    np.testing.assert_allclose(found, expm(twist * theta), atol=1e-9)
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-9)


@given(vectors, vectors, numbers)
def test_a_unit_axis_gives_equations_4_to_6(
    omega: tuple[float, float, float], v: tuple[float, float, float], theta: float
) -> None:
    w, u = np.array(omega), np.array(v)
    if (length := np.linalg.norm(w)) < 1e-3:
        return
    w = w / length
    W = skew(w)
    rotation = np.eye(3) + np.sin(theta) * W + (1 - np.cos(theta)) * W @ W
    G = np.eye(3) * theta + (1 - np.cos(theta)) * W + (theta - np.sin(theta)) * W @ W
    found = motion(w, u, theta)
    np.testing.assert_allclose(found[:3, :3], rotation, atol=1e-9)
    np.testing.assert_allclose(found[:3, 3], G @ u, atol=1e-9)


def test_gradients_are_right_at_and_away_from_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (0.0, 1e-6, 1.0):
        inputs = [
            scale * torch.randn(2, *shape, generator=generator, dtype=torch.float64) for shape in ((3,), (3,), ())
        ]
        leaves = [value.requires_grad_() for value in inputs]
        assert torch.autograd.gradcheck(screw_motion, leaves)
