"""The grey reference views of one shape of BrokenChairs, with their cameras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from padbench.errors import UserError
from padbench.scene import Camera, Matrix, View
from padbench_datasets.chair_annotations import ReferenceCamera, read_reference_camera
from padbench_datasets.chair_names import parse_view
from padbench_datasets.files import RESTORE, list_folder
from padbench_datasets.images import common_size, load_image, scaled_size
from padbench_datasets.intrinsics import Size
from padbench_datasets.lazy import LazySequence
from padbench_datasets.poses import opencv_world_to_camera

# In scene units and cosines: the cameras of a release are written with more than four digits.
_AGREES = 1e-3


class ReferenceViews:
    """The views of one folder mv_images, read when first asked for.

    image_size: longer side in px, None for the size on disk. Everything raises UserError for a folder without views or
    with a damaged camera.
    """

    def __init__(self, folder: Path, image_size: int | None) -> None:
        self.folder = folder
        self._image_size = image_size

    def sequence(self) -> Sequence[View]:
        """The views in the order of their names."""
        return LazySequence(len(self._paths), self._view)

    def intrinsics(self, size: Size) -> Matrix:
        """K of the first view for an image of another size, (3, 3) float64."""
        return _scaled(self._cameras[0].K, self._stored, size)

    @cached_property
    def target(self) -> Matrix | None:
        """The point that all views look at, (3,) scene units; None where they do not stand where their names say."""
        poses = [camera.camera_to_world for camera in self._cameras]
        target = _meeting_point(poses)
        for path, pose in zip(self._paths, poses, strict=True):
            orbit = parse_view(path.stem)
            # Not-a-number, where the target is at a camera, does not agree.
            if orbit is None or not np.abs(orbit.camera_to_world(target) - pose).max() <= _AGREES:
                return None
        return target

    def faults(self) -> Iterator[str]:
        """A sentence for every view that cannot be read."""
        try:
            paths = self._paths
        except UserError as error:
            yield str(error)
            return
        for index in range(len(paths)):
            try:
                self._view(index).load()
            except UserError as error:
                yield str(error)

    @cached_property
    def _paths(self) -> list[Path]:
        paths = [path for path in list_folder(self.folder) if path.suffix == ".png"]
        if not paths:
            raise UserError(f"{self.folder} holds no PNG image: the shape has no reference views, {RESTORE}")
        return paths

    @cached_property
    def _stored(self) -> Size:
        return common_size(self._paths)

    @cached_property
    def _cameras(self) -> list[ReferenceCamera]:
        return [read_reference_camera(path.with_suffix(".json")) for path in self._paths]

    def _view(self, index: int) -> View:
        path, size = self._paths[index], scaled_size(self._stored, self._image_size)
        camera = read_reference_camera(path.with_suffix(".json"))
        K = _scaled(camera.K, self._stored, size)
        world_to_camera = opencv_world_to_camera(camera.camera_to_world)
        return View(path.stem, Camera(K, world_to_camera, *size), partial(load_image, path, self._stored, size))


def _scaled(K: Matrix, stored: Size, size: Size) -> Matrix:
    return np.diag([size[0] / stored[0], size[1] / stored[1], 1.0]) @ K


def _meeting_point(poses: Sequence[Matrix]) -> Matrix:
    """The point nearest to the optical axes of camera-to-world poses, (3,)."""
    across = np.stack([np.eye(3) - np.outer(pose[:3, 2], pose[:3, 2]) for pose in poses])
    centres = np.stack([pose[:3, 3] for pose in poses])
    point: Matrix = np.linalg.lstsq(across.sum(0), (across @ centres[:, :, None]).sum(0).squeeze(-1), rcond=None)[0]
    return point
