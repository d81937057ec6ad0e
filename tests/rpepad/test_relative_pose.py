"""Relative poses against float64 matrices of numpy and rotations of scipy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from padbench.scene import Matrix
from padbench_rpepad.relative_pose import compose, inverse, quaternions, relative_pose, rotations

shift = st.lists(st.floats(-8, 8), min_size=3, max_size=3)


@st.composite
def rigid_motions(draw: st.DrawFn) -> Matrix:
    vector = draw(st.lists(st.floats(-4, 4), min_size=3, max_size=3))  # longer than pi: every rotation, also by pi
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(vector).as_matrix()
    motion[:3, 3] = draw(shift)
    return motion


def batch(matrix: Matrix) -> Tensor:
    return torch.from_numpy(matrix)[None]


@given(first=rigid_motions(), second=rigid_motions())
def test_is_the_motion_that_maps_camera_one_onto_camera_two(first: Matrix, second: Matrix) -> None:
    quaternion, translation = relative_pose(batch(first), batch(second))
    expected = second @ np.linalg.inv(first)
    w, x, y, z = quaternion[0].tolist()
    assert w >= 0
    np.testing.assert_allclose(Rotation.from_quat([x, y, z, w]).as_matrix(), expected[:3, :3], atol=1e-9)
    np.testing.assert_allclose(translation[0].numpy(), expected[:3, 3], atol=1e-9)


@given(first=rigid_motions(), second=rigid_motions(), length=st.floats(0.1, 5))
def test_composing_gives_camera_two_back(first: Matrix, second: Matrix, length: float) -> None:
    quaternion, translation = relative_pose(batch(first), batch(second))
    for scaled in (length * quaternion, -length * quaternion):  # of any length, and q is the rotation of -q
        np.testing.assert_allclose(compose(batch(first), scaled, translation)[0].numpy(), second, atol=1e-9)


@given(first=rigid_motions(), second=rigid_motions())
def test_the_inverse_leads_back(first: Matrix, second: Matrix) -> None:
    back = inverse(*relative_pose(batch(first), batch(second)))
    np.testing.assert_allclose(compose(batch(second), *back)[0].numpy(), first, atol=1e-9)


@given(first=rigid_motions(), second=rigid_motions(), world=rigid_motions())
def test_does_not_depend_on_the_origin_of_the_world(first: Matrix, second: Matrix, world: Matrix) -> None:
    here = relative_pose(batch(first), batch(second))
    there = relative_pose(batch(first @ world), batch(second @ world))
    torch.testing.assert_close(rotations(here[0]), rotations(there[0]), rtol=0, atol=1e-9)
    torch.testing.assert_close(here[1], there[1], rtol=0, atol=1e-9)


def test_half_turns_have_quaternions() -> None:
    axes = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, -0.8, 0], [-0.5, 0.5, 2**-0.5]])
    turned = torch.from_numpy(Rotation.from_rotvec(np.pi * axes).as_matrix())
    torch.testing.assert_close(rotations(quaternions(turned)), turned, rtol=0, atol=1e-12)
