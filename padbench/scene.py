"""What a data set hands over: cameras, normal views, queries and, behind a wall, the ground truth.

Axes are OpenCV's everywhere (x right, y down, z forward); readers convert at their own door. Importing this
module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Matrix = NDArray[np.float64]
ImageSource = Callable[[], NDArray[np.float32]]
MaskSource = Callable[[], NDArray[np.bool_]]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    K: (3, 3) float64, pixels; the centre of the top left pixel is at (0.5, 0.5).
    world_to_camera: (4, 4) float64, a rigid motion into OpenCV axes, translation in scene units.
    """

    K: Matrix
    world_to_camera: Matrix
    width: int
    height: int

    @property
    def centre(self) -> Matrix:
        """The camera's position in the world, (3,) scene units."""
        rotation, translation = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        return -rotation.T @ translation


@dataclass(frozen=True)
class Cameras:
    """A batch of pinhole cameras of one image size, as tensors.

    K: (B, 3, 3) float32, pixels. world_to_camera: (B, 4, 4) float32, OpenCV axes, scene units.
    """

    K: Tensor  # (B, 3, 3) pixels
    world_to_camera: Tensor  # (B, 4, 4)
    width: int
    height: int

    def __len__(self) -> int:
        return int(self.world_to_camera.shape[0])

    def __getitem__(self, index: slice) -> Cameras:
        return Cameras(self.K[index], self.world_to_camera[index], self.width, self.height)

    @staticmethod
    def stack(cameras: Sequence[Camera], device: str | torch.device = "cpu") -> Cameras:
        """Batch single cameras; raises ValueError when their image sizes differ."""
        import torch

        sizes = {(camera.width, camera.height) for camera in cameras}
        if len(sizes) != 1:
            raise ValueError(f"cameras of one batch must share one image size, not {sorted(sizes)}")
        (width, height) = sizes.pop()
        return Cameras(
            torch.as_tensor(np.stack([camera.K for camera in cameras]), dtype=torch.float32).to(device),
            torch.as_tensor(np.stack([camera.world_to_camera for camera in cameras]), dtype=torch.float32).to(device),
            width,
            height,
        )


@dataclass(frozen=True)
class View:
    """One normal image with its camera; the image loads when asked for.

    load: returns (H, W, 3) float32 RGB in [0, 1] of the camera's size.
    """

    name: str
    camera: Camera
    load: ImageSource = field(repr=False)

    def image(self) -> Tensor:
        """The image as a (3, H, W) float32 RGB tensor in [0, 1]."""
        return _to_tensor(self.load())


@dataclass(frozen=True)
class Query:
    """One test image. A method is given nothing else of it than this image.

    id: unique within the task, a valid file name; the harness uses it, methods never see it.
    load: returns (H, W, 3) float32 RGB in [0, 1].
    """

    id: str
    load: ImageSource = field(repr=False)

    def image(self) -> Tensor:
        """The image as a (3, H, W) float32 RGB tensor in [0, 1]."""
        return _to_tensor(self.load())


@dataclass(frozen=True)
class GroundTruth:
    """What is known of a query and only the evaluator opens.

    defect: defect type as the data set names it, None for a normal query.
    load_mask: returns (H, W) bool at the size on disk, True on the defect; None where the release has no masks.
    box: (x, y, width, height) in pixels of the stored image, None where not annotated.
    world_to_camera: (4, 4) float64 true pose in OpenCV axes, None where unknown.
    """

    query_id: str
    defect: str | None
    load_mask: MaskSource | None = field(default=None, repr=False)
    box: tuple[float, float, float, float] | None = None
    world_to_camera: Matrix | None = None

    @property
    def anomalous(self) -> bool:
        """Whether the query shows a defect."""
        return self.defect is not None


@dataclass(frozen=True)
class LabelledImage:
    """One image of a training object with what is known of it, for detectors that learn from defects.

    load: returns (H, W, 3) float32 RGB in [0, 1]. defect: defect type, None for a normal image. box: (x, y, width,
    height) of the defect in pixels of the loaded image, None where not annotated. camera: that took the image, of the
    size of the loaded image, None where unknown.
    """

    id: str
    load: ImageSource = field(repr=False)
    defect: str | None
    box: tuple[float, float, float, float] | None = None
    camera: Camera | None = None

    def image(self) -> Tensor:
        """The image as a (3, H, W) float32 RGB tensor in [0, 1]."""
        return _to_tensor(self.load())

    @property
    def anomalous(self) -> bool:
        """Whether the image shows a defect."""
        return self.defect is not None


@dataclass(frozen=True)
class Scene:
    """One object: posed normal views or a texture-less mesh, and the queries that show it.

    labelled: images with labels of a training object, where the task is supervised; a test object has none. The runner
    hands components a scene without queries (`without_queries`): of test objects fitting sees normal data only.
    """

    name: str
    views: Sequence[View]
    queries: Sequence[Query] = ()
    mesh: Path | None = None
    labelled: Sequence[LabelledImage] = ()

    def without_queries(self) -> Scene:
        """The same scene as a component may see it."""
        return replace(self, queries=())


@dataclass(frozen=True)
class Task:
    """A unit of comparison: scenes to fit on and scenes to predict (one and the same on MAD and RAD)."""

    name: str
    fit: Sequence[Scene]
    test: Sequence[Scene]


def _to_tensor(image: NDArray[np.float32]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
