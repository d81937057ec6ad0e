"""Chairs and other bodies as scenes of files, and what a ray caster sees of them: the truth for their Gaussians."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from padbench.scene import Camera, Cameras, Matrix, Scene, View
from padbench_datasets.chair_names import Orbit
from padbench_datasets.chairs.parts import Part
from padbench_datasets.chairs.rendering import NOTHING, Caster, Lighting, Picture
from padbench_datasets.poses import opencv_world_to_camera

GREY = Lighting(np.array([0.35, 0.8, 0.49]), np.ones(3), shadows=False)


def body(mesh: trimesh.Trimesh) -> list[Part]:
    """A chair of one part."""
    return [Part("body", "body", mesh)]


def camera_at(orbit: Orbit, size: int) -> Camera:
    """A camera of size x size px that looks at the world's origin, with the focal length of chairs."""
    scale = size / 256
    K = np.diag([scale, scale, 1.0]) @ np.array([[355.0, 0, 128], [0, 355, 128], [0, 0, 1]])
    return Camera(K, opencv_world_to_camera(orbit.camera_to_world(np.zeros(3))), size, size)


def picture(parts: list[Part], camera: Camera) -> Picture:
    """What the camera sees, grey before white, 9 rays a pixel."""
    return Caster(parts).picture(_opengl(camera.world_to_camera), camera.K, camera.width, 3, _grey, GREY)


def scene_of(parts: list[Part], folder: Path, size: int, views: int = 20, with_mesh: bool = True) -> Scene:
    """The parts as a mesh file, one object a part, and as grey views from all around at 20 degrees of elevation."""
    cameras = [camera_at(Orbit(2, azimuth, 20), size) for azimuth in np.linspace(0, 360, views, endpoint=False)]
    return Scene(
        "shape",
        [View(f"{index}.png", camera, partial(_image, parts, camera)) for index, camera in enumerate(cameras)],
        mesh=write_mesh(parts, folder / "model.obj") if with_mesh else None,
    )


def write_mesh(parts: list[Part], path: Path) -> Path:
    """An .obj with one object a part."""
    scene = trimesh.Scene()
    for part in parts:
        scene.add_geometry(part.mesh, node_name=part.name, geom_name=part.name)
    path.write_text(scene.export(file_type="obj", include_texture=False))  # type: ignore[no-untyped-call]
    return path


def truth(parts: list[Part], cameras: list[Camera]) -> tuple[Tensor, Tensor]:
    """Masks, (B, H, W) bool, and depths along the optical axes, (B, H, W), of the cameras."""
    pictures = [picture(parts, camera) for camera in cameras]
    masks = torch.from_numpy(np.stack([seen.part != NOTHING for seen in pictures]))
    return masks, torch.from_numpy(np.stack([seen.depth for seen in pictures]))


def overlap(first: Tensor, second: Tensor) -> Tensor:  # (B, H, W) bool each
    """Intersection over union of each pair of masks, (B,)."""
    union = (first | second).flatten(1).sum(1)
    shares: Tensor = (first & second).flatten(1).sum(1) / union
    return shares


def stacked(scene: Scene) -> Cameras:
    """The cameras of the scene's views."""
    return Cameras.stack([view.camera for view in scene.views])


def _opengl(world_to_camera: Matrix) -> Matrix:
    pose = np.asarray(np.linalg.inv(world_to_camera), dtype=np.float64)
    pose[:3, 1:3] *= -1
    return pose


def _grey(kind: str, points: Matrix) -> Matrix:
    return np.full((len(points), 3), 0.75)


def _image(parts: list[Part], camera: Camera) -> NDArray[np.float32]:
    return picture(parts, camera).rgb.astype(np.float32) / np.float32(255)
