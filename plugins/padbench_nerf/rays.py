"""Rays of pixels, and the part of each ray on which the scene is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from padbench.scene import Cameras
from padbench_gaussians.camera_rig import camera_centres, focus

_NEAREST = 0.05
_FARTHEST = 1000.0


@dataclass(frozen=True)
class Bounds:
    """The ball that holds the object, and whether anything behind it is of interest.

    centre: (3,) float32 world. radius: in scene units; the unit of everything that a network sees.
    """

    centre: Tensor  # (3,)
    radius: float
    unbounded: bool

    def normalise(self, origins: Tensor) -> Tensor:  # (..., 3) world
        """The same points in the unit of the ball, about its centre."""
        return (origins - self.centre) / self.radius

    def ends(self, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:  # (..., 3) normalised, (..., 3)
        """Where sampling begins and ends on rays with directions of length 1, (..., 1) each, in the unit of the ball.

        It is where a ray enters and leaves the ball, an interval of length 1e-4 where it misses; all of the ray from
        0.05 on where the scene is unbounded.
        """
        along = -(origins * directions).sum(-1, keepdim=True)
        if self.unbounded:
            return torch.full_like(along, _NEAREST), torch.full_like(along, _FARTHEST)
        half = (1 - origins.square().sum(-1, keepdim=True) + along.square()).clamp_min(0).sqrt()
        near = (along - half).clamp_min(_NEAREST)
        return near, torch.maximum(along + half, near + 1e-4)


def object_bounds(cameras: Cameras, share: float, unbounded: bool) -> Bounds:
    """The largest ball about the point the cameras look at that every camera sees whole, times `share`."""
    centre = focus(cameras)
    distance = (camera_centres(cameras) - centre).norm(dim=1)
    K = cameras.K.double()
    size = torch.tensor([cameras.width, cameras.height], dtype=K.dtype, device=K.device)
    middle = K[:, :2, 2]
    tangent = (torch.minimum(middle, size - middle) / K[:, [0, 1], [0, 1]]).amin(1)
    radius = float((distance * tangent.atan().sin()).min())
    # A camera that stands where all look at, or whose axis leaves the image, says nothing about the size.
    return Bounds(centre.float(), share * (radius if radius > 0 else float(distance.max()) or 1.0), unbounded)


def pixel_rays(
    K: Tensor,  # (..., 3, 3) pixels
    world_to_camera: Tensor,  # (..., 4, 4)
    pixels: Tensor,  # (..., 2) x, y; the centre of the top left pixel is at (0.5, 0.5)
) -> tuple[Tensor, Tensor]:
    """Origins and directions of length 1 of the rays through pixels, (..., 3) each, in the world."""
    rotation = world_to_camera[..., :3, :3]
    in_camera = torch.linalg.solve_triangular(
        K, torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)[..., None], upper=True
    )
    directions = (rotation.mT @ in_camera).squeeze(-1)
    origins = -(rotation.mT @ world_to_camera[..., :3, 3:]).squeeze(-1)
    return origins.expand_as(directions), directions / directions.norm(dim=-1, keepdim=True)


def pixel_grid(width: int, height: int, device: torch.device) -> Tensor:
    """Centres of all pixels row by row, (H * W, 2) x, y."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5
