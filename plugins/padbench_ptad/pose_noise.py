"""Poses near true ones, as far off as an estimate would be: what the detector is to put up with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from padbench.scene import Cameras
from padbench_splatpose.screw_axis import screw_motion


@dataclass(frozen=True)
class PoseNoise:
    """degrees: standard deviation of the turn about each axis of the world. share: of the shift along each, of the
    distance of the cameras from the object."""

    degrees: float
    share: float

    def near(self, cameras: Cameras, centre: Tensor, distance: float, generator: torch.Generator) -> Cameras:
        """Every camera turned about `centre`, (3,) world, and shifted, each by its own draw."""
        number = len(cameras)
        omega = torch.randn(number, 3, generator=generator, dtype=torch.float64) * math.radians(self.degrees)
        shift = torch.randn(number, 3, generator=generator, dtype=torch.float64) * self.share * distance
        about = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
        about[0, :3, 3], about[1, :3, 3] = centre, -centre
        turned = screw_motion(omega, shift, torch.ones(number, dtype=torch.float64))
        moved = cameras.world_to_camera.double() @ about[0] @ turned @ about[1]
        return replace(cameras, world_to_camera=moved.float())
