"""Relative camera poses as a quaternion and a translation (RPE-PAD, Eq. 1 and 2), consistent and invertible."""

from __future__ import annotations

import torch
from torch import Tensor


def relative_pose(
    first: Tensor,  # (B, 4, 4) world-to-camera
    second: Tensor,  # (B, 4, 4) world-to-camera
) -> tuple[Tensor, Tensor]:
    """The motion from camera 1 to camera 2: quaternion (B, 4) wxyz with w >= 0, translation (B, 3) scene units.

    R12 = R2 R1^T and t12 = t2 - R12 t1, so that x2 = R12 x1 + t12 for every point. Eq. 1 prints
    t12 = R1 (t2 - t1), which maps no camera onto another when (R, t) is world-to-camera, as the paper calls it, and
    would change with the origin of the world.
    """
    rotation = second[:, :3, :3] @ first[:, :3, :3].mT
    translation = second[:, :3, 3] - (rotation @ first[:, :3, 3:]).squeeze(-1)
    return quaternions(rotation), translation


def compose(
    first: Tensor,  # (B, 4, 4) world-to-camera
    quaternion: Tensor,  # (B, 4) wxyz, of any length but 0
    translation: Tensor,  # (B, 3) scene units
) -> Tensor:
    """Camera 2 from camera 1 and the relative pose, (B, 4, 4): the inverse of `relative_pose`."""
    motion = torch.eye(4, dtype=first.dtype, device=first.device).repeat(len(first), 1, 1)
    motion[:, :3, :3] = rotations(quaternion)
    motion[:, :3, 3] = translation
    return motion @ first


def inverse(
    quaternion: Tensor,  # (B, 4) unit, wxyz
    translation: Tensor,  # (B, 3)
) -> tuple[Tensor, Tensor]:
    """The motion from camera 2 back to camera 1: quaternion (B, 4) with the sign of w kept, translation (B, 3)."""
    back = torch.cat([quaternion[:, :1], -quaternion[:, 1:]], dim=1)
    return back, -(rotations(back) @ translation[:, :, None]).squeeze(-1)


def quaternions(rotation: Tensor) -> Tensor:  # (B, 3, 3)
    """The unit quaternions of rotation matrices, (B, 4) wxyz with w >= 0."""
    m = rotation.flatten(1)
    xx, yy, zz = m[:, 0], m[:, 4], m[:, 8]
    # 4 q q^T without its diagonal's roots: its row of the largest entry is far from zero (Shepperd 1978).
    w_row = torch.stack([1 + xx + yy + zz, m[:, 7] - m[:, 5], m[:, 2] - m[:, 6], m[:, 3] - m[:, 1]], dim=1)
    x_row = torch.stack([m[:, 7] - m[:, 5], 1 + xx - yy - zz, m[:, 1] + m[:, 3], m[:, 2] + m[:, 6]], dim=1)
    y_row = torch.stack([m[:, 2] - m[:, 6], m[:, 1] + m[:, 3], 1 - xx + yy - zz, m[:, 5] + m[:, 7]], dim=1)
    z_row = torch.stack([m[:, 3] - m[:, 1], m[:, 2] + m[:, 6], m[:, 5] + m[:, 7], 1 - xx - yy + zz], dim=1)
    rows = torch.stack([w_row, x_row, y_row, z_row], dim=1)  # (B, 4, 4)
    largest = rows.diagonal(dim1=1, dim2=2).argmax(dim=1)
    quaternion = torch.nn.functional.normalize(rows[torch.arange(len(rows)), largest], dim=1)
    return torch.where(quaternion[:, :1] < 0, -quaternion, quaternion)


def rotations(quaternion: Tensor) -> Tensor:  # (B, 4) wxyz
    """The rotation matrices of quaternions of any length but 0, (B, 3, 3)."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=1).unbind(1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=1),
    ]
    return torch.stack(rows, dim=1)
