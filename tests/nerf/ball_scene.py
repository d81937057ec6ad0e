"""A striped ball off the origin seen by cameras whose images are not square, with an exact renderer in float64."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from padbench.scene import Camera, Matrix, Scene, View

CENTRE = np.array([5.0, -3.0, 2.0])
RADIUS = 0.6
WIDTH, HEIGHT = 40, 28


def camera(azimuth: float, elevation: float, distance: float = 4.0, scale: int = 1) -> Camera:
    """A camera that looks at the middle of the ball, with a principal point off the image's middle.

    scale: of the image's size.
    """
    a, e = np.radians([azimuth, elevation])
    position = CENTRE + distance * np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    forward = (CENTRE - position) / distance
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    motion[:3, 3] = -motion[:3, :3] @ position
    K = np.diag([scale, scale, 1.0]) @ np.array([[45.0, 0.0, 19.0], [0.0, 50.0, 15.0], [0.0, 0.0, 1.0]])
    return Camera(K, motion, scale * WIDTH, scale * HEIGHT)


def hits(camera: Camera) -> tuple[NDArray[np.bool_], Matrix, Matrix]:
    """Which pixels' centres see the ball (H, W), their z (H, W) and where they meet it (H, W, 3)."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(camera.K).T  # z = 1: the parameter is z
    middle = camera.world_to_camera[:3, :3] @ CENTRE + camera.world_to_camera[:3, 3]
    a, b = (rays**2).sum(-1), rays @ middle
    root = b**2 - a * (middle @ middle - RADIUS**2)
    z = (b - np.sqrt(np.maximum(root, 0))) / a
    return root > 0, z, (rays * z[..., None] - camera.world_to_camera[:3, 3]) @ camera.world_to_camera[:3, :3]


def image(camera: Camera) -> NDArray[np.float32]:
    """The picture of the ball on white, (H, W, 3)."""
    hit, _, points = hits(camera)
    colours = 0.45 + 0.4 * np.sin(3.0 * (points - CENTRE) / RADIUS)
    return np.where(hit[..., None], colours, 1.0).astype(np.float32)


def scene() -> Scene:
    """Twelve views around the ball."""
    cameras = [camera(azimuth, elevation) for azimuth in range(0, 360, 60) for elevation in (-25, 35)]
    return Scene("ball", [View(f"{i}.png", seen, partial(image, seen)) for i, seen in enumerate(cameras)])
