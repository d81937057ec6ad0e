"""Where a set of cameras looks: the middle of the scene, without assuming that it is the world's origin."""

from __future__ import annotations

import torch
from torch import Tensor

from padbench.scene import Cameras

_PARALLEL = 1e-3


def camera_centres(cameras: Cameras) -> Tensor:
    """The cameras' positions in the world, (B, 3) float64 scene units."""
    motion = cameras.world_to_camera.double()
    centres: Tensor = -(motion[:, :3, :3].mT @ motion[:, :3, 3:]).squeeze(-1)
    return centres


def focus(cameras: Cameras) -> Tensor:
    """The point nearest to all optical axes in the least-squares sense, (3,) float64, on the cameras' device.

    Along directions that the axes leave open (cameras that look the same way) it is the point in front of the cameras
    at the distance of their spread, or at distance 1 when they share one position.
    """
    centres = camera_centres(cameras)
    axes = cameras.world_to_camera[:, 2, :3].double()  # third row of R: the viewing direction in the world
    spread = float((centres - centres.mean(0)).norm(dim=1).mean())
    guess = (centres + axes * (spread or 1.0)).mean(0)
    across = torch.eye(3, dtype=axes.dtype, device=axes.device) - axes[:, :, None] * axes[:, None, :]
    residual = (across @ (centres - guess)[:, :, None]).sum(0).squeeze(-1)
    inverse: Tensor = torch.linalg.pinv(across.sum(0), rtol=_PARALLEL, hermitian=True)
    return guess + inverse @ residual
