"""Rigid motions along a screw axis: the seven numbers that iNeRF and SplatPose optimise."""

from __future__ import annotations

import torch
from torch import Tensor

from padbench.scene import Cameras
from padbench_gaussians.camera_rig import camera_centres

# MAD's cameras stand 3 to 4 units from the object.
_CAMERA_DISTANCE = 3.5


def screw_motion(
    omega: Tensor,  # (B, 3)
    v: Tensor,  # (B, 3) scene units
    theta: Tensor,  # (B,)
) -> Tensor:
    """The rigid motions e^([S] theta) of the screw axes S = (omega, v), (B, 4, 4), differentiable everywhere.

    Where |omega| = 1 this is Eq. 4 to 6 of SplatPose: R = I + sin(theta) [omega] + (1 - cos(theta)) [omega]^2 and
    t = G(theta) v. The exponential extends it to every omega, so that what an optimiser passes through stays rigid:
    the axes start near zero and the formulas for unit axes would shear the scene there.
    """
    x, y, z = omega.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ([zero, -z, y, v[:, 0]], [z, zero, -x, v[:, 1]], [-y, x, zero, v[:, 2]], [zero] * 4)
    twist = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    motion: Tensor = torch.linalg.matrix_exp(twist * theta[:, None, None])
    return motion


def translation_unit(cameras: Cameras, centre: Tensor) -> float:  # (3,) world
    """Scene units that stand for one unit of MAD, for which the published step sizes are made.

    The mean distance of the cameras from `centre` counts as 3.5, so that the scale of the world does not matter.
    """
    return float((camera_centres(cameras) - centre).norm(dim=1).mean()) / _CAMERA_DISTANCE or 1.0


def moved_world(
    world_to_camera: Tensor,  # (B, 4, 4)
    origin: Tensor,  # (3,)
) -> Tensor:
    """The same cameras in a world whose origin lies at `origin`, (B, 4, 4)."""
    shift = world_to_camera[:, :3, :3] @ origin
    return torch.cat(
        [
            torch.cat([world_to_camera[:, :3, :3], (world_to_camera[:, :3, 3] + shift)[:, :, None]], 2),
            world_to_camera[:, 3:],
        ],
        1,
    )
