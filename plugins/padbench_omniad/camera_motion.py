"""Move cameras in the world, about a point of it."""

from __future__ import annotations

import torch
from torch import Tensor


def move_cameras(
    world_to_camera: Tensor,  # (B, 4, 4)
    motion: Tensor,  # (B, 4, 4) rigid
    centre: Tensor,  # (3,) world
) -> Tensor:
    """World-to-camera (B, 4, 4) of cameras after a motion of the world whose origin is `centre`.

    A camera-to-world C becomes T M T^-1 C with T the translation to the centre. Differentiable by the motion.
    """
    turn, shift = motion[:, :3, :3], motion[:, :3, 3]
    rotation = world_to_camera[:, :3, :3] @ turn.mT
    about = world_to_camera[:, :3, :3] @ centre + world_to_camera[:, :3, 3]  # the centre seen before the motion
    translation = about - (rotation @ (centre + shift)[..., None]).squeeze(-1)
    moved = torch.cat([rotation, translation[:, :, None]], dim=2)
    return torch.cat([moved, world_to_camera[:, 3:]], dim=1)
