"""Moving cameras about a point, against homogeneous matrices in float64."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from padbench_omniad.camera_motion import move_cameras
from padbench_splatpose.screw_axis import screw_motion

number = st.floats(-2, 2)
triple = st.tuples(number, number, number)


@given(omega=triple, v=triple, theta=number, angles=triple, position=triple, centre=triple)
def test_a_camera_moves_by_the_screw_motion_about_the_centre(
    omega: tuple[float, float, float],
    v: tuple[float, float, float],
    theta: float,
    angles: tuple[float, float, float],
    position: tuple[float, float, float],
    centre: tuple[float, float, float],
) -> None:
    start = np.eye(4)
    start[:3, :3], start[:3, 3] = Rotation.from_euler("xyz", angles).as_matrix(), position
    x, y, z = omega
    twist = np.zeros((4, 4))
    twist[:3, :3], twist[:3, 3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]], v
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = centre, -np.array(centre)
    expected = np.linalg.inv(there @ expm(twist * theta) @ back @ np.linalg.inv(start))

    def double(*values: float) -> torch.Tensor:
        return torch.tensor([values], dtype=torch.float64)

    motion = screw_motion(double(*omega), double(*v), double(theta)[0])
    moved = move_cameras(torch.from_numpy(start)[None], motion, double(*centre)[0])
    np.testing.assert_allclose(moved[0].numpy(), expected, atol=1e-9)
