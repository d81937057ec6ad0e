"""Labelled images with the depth that a normal object would have had there, kept on the disk while a network learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from padbench.atomic import write_json_atomically
from padbench.errors import UserError
from padbench.interfaces import FittedScene, Poses, Progress
from padbench.scene import Camera, Cameras, LabelledImage
from padbench_gaussians.camera_rig import camera_centres, focus
from padbench_ptad.pose_noise import PoseNoise

TrainingPoses = Literal["estimated", "true"]

_IMAGES, _REFERENCES, _DONE = "images.npy", "references.npy", "examples.json"


See = Callable[[Tensor], Tensor]


def _as_it_is(images: Tensor) -> Tensor:
    return images


@dataclass(frozen=True)
class Examples:
    """N labelled images of side S and, of each, D depth images (`Rendering.depth_image`), 0 where none are used.

    together: the depth images of an image are seen at once, as from several views; else they are draws of one.
    """

    images: NDArray[np.uint8]  # (N, 3, S, S), on the disk
    references: NDArray[np.uint8]  # (N, D, S, S), on the disk
    anomalous: Tensor  # (N,) bool
    boxes: Tensor  # (N, 4) centre x, centre y, width, height as shares of the image; NaN where unknown
    together: bool

    def __len__(self) -> int:
        return len(self.images)


class ExampleMaker:
    """Makes the examples of the scenes' labelled images.

    size: side in px. see_image, see_depth: what the network sees of an image, (B, 3, H, W), and of a depth image,
    (B, 1, H, W), of as many channels as they have. poses: where references are rendered: at the poses that the method's
    own chain estimates, or `draws` times near the true one. None: there is no representation to render, as for
    single-image networks.
    """

    def __init__(
        self,
        *,
        size: int,
        poses: TrainingPoses | None,
        noise: PoseNoise,
        draws: int,
        progress: Progress,
        see_image: See = _as_it_is,
        see_depth: See = _as_it_is,
    ) -> None:
        self._size, self._poses, self._noise, self._progress = size, poses, noise, progress
        self.see_image, self.see_depth = see_image, see_depth
        self._draws = draws

    def make(self, fitted: Sequence[FittedScene], folder: Path, generator: torch.Generator) -> Examples:
        """Write the examples into the folder, or take those that an earlier call has completed there.

        generator: draws the poses, scene by scene. Raises UserError where a scene has no labelled image, or lacks what
        its reference is rendered from.
        """
        description = {"size": self._size, "scenes": len(fitted)}
        known = _read(folder / _DONE)
        if known is None or known["description"] != description:
            known = self._write(fitted, folder, generator, description)
        count, depths = len(known["anomalous"]), known["depths"]
        return Examples(
            np.memmap(folder / _IMAGES, np.uint8, "r", shape=(count, 3, self._size, self._size)),
            _references(folder, "r", (count, depths, self._size, self._size)),
            torch.tensor(known["anomalous"]),
            torch.tensor([[float("nan")] * 4 if box is None else box for box in known["boxes"]]),
            together=self._poses == "estimated",
        )

    def _write(
        self, fitted: Sequence[FittedScene], folder: Path, generator: torch.Generator, description: dict[str, Any]
    ) -> dict[str, Any]:
        anomalous: list[bool] = []
        boxes: list[list[float] | None] = []
        depths = 0
        with (folder / _IMAGES).open("wb") as images, (folder / _REFERENCES).open("wb") as references:
            for index in self._progress.track(range(len(fitted)), "examples: scenes"):
                model = fitted[index]
                labelled = model.scene.labelled
                if not labelled:
                    raise UserError(
                        f"{model.scene.name} has no labelled images, which this detector learns from: choose a data "
                        "set with training labels, such as chairs or brokenchairs"
                    )
                batch = torch.stack([image.image() for image in labelled])
                images.write(_bytes(_resized(self.see_image(batch), self._size)))
                if self._poses is not None:
                    for rendered in self._depths(model, labelled, batch, generator):
                        references.write(_bytes(_resized(rendered, self._size)))
                        depths = len(rendered)
                height, width = batch.shape[-2:]
                anomalous += [image.anomalous for image in labelled]
                boxes += [_shares(image.box, width, height) for image in labelled]
        known = {"description": description, "depths": depths, "anomalous": anomalous, "boxes": boxes}
        write_json_atomically(folder / _DONE, known)
        return known

    def _depths(
        self, model: FittedScene, labelled: Sequence[LabelledImage], images: Tensor, generator: torch.Generator
    ) -> list[Tensor]:
        """Of each image its depth images, (D, 1, H, W)."""
        if model.representation is None:
            raise UserError("this detector compares with rendered depth: name a representation, such as mesh2splat")
        if self._poses == "estimated":
            cameras = _estimated(model, images)
        else:
            views = Cameras.stack([view.camera for view in model.scene.views])
            centre = focus(views)
            distance = float((camera_centres(views) - centre).norm(dim=1).mean())
            true = Cameras.stack([_camera(image) for image in labelled for _ in range(self._draws)])
            cameras = self._noise.near(true, centre, distance, generator)
        step = len(cameras) // len(labelled)
        return [
            self.see_depth(model.representation.render(cameras[start : start + step]).depth_image()).cpu()
            for start in range(0, len(cameras), step)
        ]


def _estimated(model: FittedScene, images: Tensor) -> Poses:
    poses: Poses | None = None
    for link in model.pose:
        poses = link.estimate(images, poses)
    if poses is None:
        raise UserError("this detector compares with depth at the estimated pose: name pose estimators in the recipe")
    return poses


def _camera(image: LabelledImage) -> Camera:
    if image.camera is None:
        raise UserError(f"the true pose of {image.id} is unknown: set detector.training_poses=estimated")
    return image.camera


def _resized(images: Tensor, size: int) -> Tensor:
    return interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


def _bytes(images: Tensor) -> bytes:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).numpy().tobytes()


def _shares(box: tuple[float, float, float, float] | None, width: int, height: int) -> list[float] | None:
    if box is None:
        return None
    x, y, across, down = box
    return [(x + across / 2) / width, (y + down / 2) / height, across / width, down / height]


def _references(folder: Path, mode: Literal["r"], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if shape[1] == 0:
        return np.empty(shape, np.uint8)
    return np.memmap(folder / _REFERENCES, np.uint8, mode, shape=shape)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content
