"""Rigid motions along a screw axis: the seven numbers that iNeRF and SplatPose optimise."""

from __future__ import annotations

import torch
from torch import Tensor


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
