"""Random initial Gaussians where the cameras look and behind it, for scenes that come without a point cloud."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from padbench.scene import Cameras
from padbench_gaussians.camera_rig import camera_centres, focus
from padbench_gaussians.gaussians import Gaussians

_INITIAL_OPACITY = 0.1
_SHARE_BEHIND = 0.25
_FARTHEST = 10.0
_SAME_COLOUR = 0.01


def initial_gaussians(cameras: Cameras, count: int, covered: float, generator: torch.Generator) -> Gaussians:
    """Grey, round, faint Gaussians, each as large as its distance to its nearest neighbours.

    They lie at `random_points`, but a quarter of them at `points_behind` where the images are covered to their edges:
    without these a room behind the object is painted onto the air before the cameras. The scale is the root mean
    squared distance to the 3 nearest points (Kerbl et al. 2023, section 5.1), the opacity 0.1. covered: what
    `covered_edges` says. Returned on the CPU, float32; `generator` is a CPU generator.
    """
    behind = int(_SHARE_BEHIND * covered * count)
    points = torch.cat([random_points(cameras, count - behind, generator), points_behind(cameras, behind, generator)])
    neighbours = min(3, count - 1)
    distances = np.ones((count, 1))
    if neighbours:
        distances = cKDTree(points.numpy()).query(points.numpy(), k=neighbours + 1)[0][:, 1:]
    scale = torch.from_numpy(np.sqrt((distances**2).mean(axis=1))).clamp_min(1e-7).log()
    return Gaussians(
        means=points.float(),
        quats=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(count, 1),
        log_scales=scale.float()[:, None].repeat(1, 3),
        opacity_logits=torch.full((count,), _INITIAL_OPACITY).logit(),
        features_dc=torch.zeros(count, 3),
    )


def covered_edges(images: Tensor, background: Tensor) -> float:  # (V, 3, H, W), (3,)
    """The share of the images' outermost pixels that show something else than the background's colour."""
    rows, columns = images[:, :, [0, -1], :], images[:, :, :, [0, -1]].mT
    edges = torch.cat([rows.flatten(2), columns.flatten(2)], dim=2)
    return float(((edges - background[:, None]).abs() > _SAME_COLOUR).any(dim=1).double().mean())


def random_points(cameras: Cameras, count: int, generator: torch.Generator) -> Tensor:
    """Points uniform in the volume that the cameras share, (count, 3) float64, on the CPU.

    The volume is the part of a ball around `focus`, as wide as the widest view of it, that is seen by at least half as
    many cameras as see its best-seen point: for cameras around an object this is where their views overlap, and cameras
    that look outwards still get points in front of each of them.
    """
    cameras = Cameras(cameras.K.cpu(), cameras.world_to_camera.cpu(), cameras.width, cameras.height)
    centre = focus(cameras)
    radius = _radius(cameras, centre)
    needed: int | None = None
    accepted: list[Tensor] = []
    while sum(len(points) for points in accepted) < count:
        directions = torch.randn(max(2 * count, 1024), 3, generator=generator, dtype=torch.float64)
        lengths = torch.rand(len(directions), 1, generator=generator, dtype=torch.float64) ** (1 / 3)
        points = centre + radius * lengths * directions / directions.norm(dim=1, keepdim=True)
        seen = _cameras_that_see(cameras, points)
        if needed is None:
            needed = max(1, (int(seen.max()) + 1) // 2)
        accepted.append(points[seen >= needed])
    return torch.cat(accepted)[:count]


def points_behind(cameras: Cameras, count: int, generator: torch.Generator) -> Tensor:
    """Points that the cameras see at the distance of `focus` and behind it, (count, 3) float64, on the CPU.

    Each lies in a random pixel of a random camera, at a depth whose inverse is uniform between those of 1 and 10 times
    the cameras' mean distance from `focus`: every image's background is covered, the nearer the denser.
    """
    K, motion = cameras.K.cpu().double(), cameras.world_to_camera.cpu().double()
    cameras = Cameras(K, motion, cameras.width, cameras.height)
    centres = camera_centres(cameras)
    distance = float((centres - focus(cameras)).norm(dim=1).mean()) or 1.0
    camera = torch.randint(len(cameras), (count,), generator=generator)
    drawn = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    pixels = drawn[:, :2] * torch.tensor([cameras.width, cameras.height], dtype=torch.float64)
    homogeneous = torch.cat([pixels, torch.ones(count, 1, dtype=torch.float64)], dim=1)
    rays = torch.linalg.solve(K[camera], homogeneous[:, :, None])
    depth = distance / (1 - (1 - 1 / _FARTHEST) * drawn[:, 2:])
    directions: Tensor = (motion[camera, :3, :3].mT @ rays).squeeze(-1)
    return centres[camera] + depth * directions


def _radius(cameras: Cameras, centre: Tensor) -> float:
    motion = cameras.world_to_camera.double()
    distance = (camera_centres(cameras) - centre).norm(dim=1)
    in_front = motion[:, 2, :3] @ centre + motion[:, 2, 3] > 0
    corners = torch.tensor([[0.0, 0.0], [cameras.width, cameras.height]], dtype=torch.float64)
    K = cameras.K.double()
    tangent = ((corners[:, None] - K[:, :2, 2]) / K[:, [0, 1], [0, 1]]).abs().amax(0).norm(dim=1)
    # Cameras that look away from the middle see nothing of a ball that does not reach beyond them.
    reach = distance * torch.where(in_front, tangent, 2.0)
    return float(reach.max()) or 1.0


def _cameras_that_see(cameras: Cameras, points: Tensor) -> Tensor:
    seen = torch.zeros(len(points), dtype=torch.int64)
    for motion, K in zip(cameras.world_to_camera.double(), cameras.K.double(), strict=True):
        in_camera = points @ motion[:3, :3].T + motion[:3, 3]
        depth = in_camera[:, 2]
        pixels = in_camera @ K.T
        x, y = pixels[:, 0] / depth, pixels[:, 1] / depth
        seen += (depth > 0) & (x >= 0) & (x < cameras.width) & (y >= 0) & (y < cameras.height)
    return seen
