"""A scene of coloured blobs off the origin, cameras around it, and cameras near them: poses with a known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Matrix, Scene, View
from padbench_gaussians.camera_rig import camera_centres
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.ply import write_ply
from padbench_gaussians.representation import GaussianSplatting

SIZE = 96
MIDDLE = np.array([4.0, -2.0, 1.0])


RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())


def look_at(position: Matrix, up: tuple[float, float, float] = (0.0, 0.1, 1.0)) -> Camera:
    """A camera at the position that looks at the blobs."""
    forward = (MIDDLE - position) / np.linalg.norm(MIDDLE - position)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = rotation, -rotation @ position
    return Camera(np.array([[110.0, 0, SIZE / 2], [0, 110, SIZE / 2], [0, 0, 1]]), motion, SIZE, SIZE)


def on_sphere(azimuth: float, elevation: float, distance: float = 3.0) -> Matrix:
    """A position around the blobs, angles in degrees."""
    a, e = np.radians([azimuth, elevation])
    return MIDDLE + distance * np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])


def blobs(folder: Path) -> GaussianSplatting:
    """Three hundred coloured blobs, off the origin."""
    generator = torch.Generator().manual_seed(3)
    gaussians = Gaussians(
        means=torch.from_numpy(MIDDLE).float() + 0.35 * torch.randn(300, 3, generator=generator),
        quats=torch.randn(300, 4, generator=generator),
        log_scales=torch.full((300, 3), -2.6) + 0.4 * torch.randn(300, 3, generator=generator),
        opacity_logits=torch.full((300,), 3.0),
        features_dc=1.5 * torch.randn(300, 3, generator=generator),
    )
    write_ply(gaussians, folder / "point_cloud.ply")
    loaded = GaussianSplatting(RUNTIME)
    loaded.load(folder)
    return loaded


def cameras_around() -> Scene:
    """A scene whose blank views look at the blobs from all sides."""
    cameras = [look_at(on_sphere(a, e)) for a in range(0, 360, 60) for e in (-30, 30)]
    blank = np.ones((SIZE, SIZE, 3), np.float32)
    return Scene("planted", [View(f"{i}.png", camera, lambda: blank) for i, camera in enumerate(cameras)])


def rotation_errors(estimated: Cameras, true: Cameras) -> Tensor:
    """Degrees between estimated and true orientation, (B,)."""
    difference = estimated.world_to_camera[:, :3, :3].double() - true.world_to_camera[:, :3, :3].double()
    # The chord: exact near zero, where the arc cosine of the trace is not.
    errors: Tensor = 2 * (difference.flatten(1).norm(dim=1) / 8**0.5).arcsin().rad2deg()
    return errors


def position_errors(estimated: Cameras, true: Cameras) -> Tensor:
    """Scene units between estimated and true position, (B,)."""
    errors: Tensor = (camera_centres(estimated) - camera_centres(true)).norm(dim=1)
    return errors


def planted_poses() -> tuple[Cameras, Cameras]:
    """True cameras, and cameras that are 4 to 8 degrees off in every way and up to 4 % too near or far."""
    true = [look_at(on_sphere(20, 10)), look_at(on_sphere(140, 40)), look_at(on_sphere(250, -35))]
    near = [
        look_at(on_sphere(26, 13, 3.1), up=(0.05, 0.1, 1.0)),
        look_at(on_sphere(134, 36, 2.95)),
        look_at(on_sphere(253, -39, 2.9), up=(0.0, 0.15, 1.0)),
    ]
    return Cameras.stack(true), Cameras.stack(near)
