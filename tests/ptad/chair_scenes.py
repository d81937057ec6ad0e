"""Tiny training scenes: a plate before a plain background, whose hole is the defect, and its exact depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from padbench.interfaces import FittedScene, Rendering
from padbench.scene import Camera, Cameras, LabelledImage, Scene, View

SIZE = 32
HOLE = (18.0, 12.0, 6.0, 8.0)  # x, y, width, height


def camera(distance: float = 4.0) -> Camera:
    pose = np.eye(4)
    pose[2, 3] = distance
    return Camera(np.array([[40.0, 0, SIZE / 2], [0, 40, SIZE / 2], [0, 0, 1]]), pose, SIZE, SIZE)


def image(seed: int, hole: bool) -> np.ndarray:
    """A plate in a random colour with noise, on white; with a hole that shows the background."""
    generator = np.random.default_rng(seed)
    pixels = np.ones((SIZE, SIZE, 3), np.float32)
    colour = generator.uniform(0.1, 0.6, 3) + generator.uniform(-0.05, 0.05, (20, 20, 3))
    pixels[6:26, 6:26] = colour
    if hole:
        x, y, width, height = (int(value) for value in HOLE)
        pixels[y : y + height, x : x + width] = 1
    return pixels


class Plate:
    """Renders the whole plate, whatever the camera; the farther away, the deeper. Counts its renderings."""

    def __init__(self) -> None:
        self.cameras: list[Cameras] = []

    def render(self, cameras: Cameras) -> Rendering:
        self.cameras.append(cameras)
        alpha = torch.zeros(len(cameras), 1, SIZE, SIZE)
        alpha[:, :, 6:26, 6:26] = 1
        depth = alpha * cameras.world_to_camera[:, 2, 3].view(-1, 1, 1, 1)
        return Rendering(depth.expand(-1, 3, -1, -1), depth, alpha)


def scene(number: int, images: int = 8) -> Scene:
    """A training scene with as many normal as broken plates."""
    labelled = [
        LabelledImage(
            f"{number}_{index}",
            lambda index=index: image(1000 * number + index, index % 2 == 1),  # type: ignore[misc]
            "missing" if index % 2 else None,
            HOLE if index % 2 else None,
            camera(),
        )
        for index in range(images)
    ]
    views = [View(str(index), camera(4 + index), lambda: image(0, False)) for index in range(2)]
    return Scene(f"plate_{number}", views, (), Path("plate.obj"), labelled)


def fitted(count: int, images: int = 8) -> list[FittedScene]:
    """Fitted scenes with a `Plate` each and no pose chain."""
    return [FittedScene(scene(number, images), Plate(), ()) for number in range(count)]  # type: ignore[arg-type]
