"""The pose estimator "chamfer": the reference view whose silhouette is nearest to that of the query (PTAD, Eq. 3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime
from padbench.scene import Cameras, Scene
from padbench_ptad.masks import foreground

Mask = NDArray[np.bool_]
Distances = NDArray[np.float64]


class ChamferRetrieval:
    """The camera of the reference view with the smallest chamfer distance between rendered and query silhouette.

    threshold: of `masks.foreground`. Implements `interfaces.PoseEstimator`.
    """

    def __init__(self, runtime: Runtime, *, threshold: float = 0.04) -> None:
        if not 0 <= threshold < 1:
            raise UserError(f"chamfer needs a threshold in [0, 1), not {threshold}: mend the recipe")
        self._runtime = runtime
        self._threshold = threshold
        self._cameras: Cameras | None = None
        self._candidates: list[tuple[Mask, Distances]] = []

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Render the silhouettes of the reference views; raises UserError without views or representation."""
        if not scene.views:
            raise UserError(f"{scene.name} has no reference views, whose poses chamfer chooses from")
        if representation is None:
            raise UserError("chamfer renders silhouettes: name a representation, such as mesh2splat, in the recipe")
        try:
            self._cameras = Cameras.stack([view.camera for view in scene.views], self._runtime.device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be used by chamfer: {error}") from error
        alpha = torch.cat([representation.render(self._cameras[i : i + 1]).alpha for i in range(len(self._cameras))])
        self._candidates = [_with_distances(mask) for mask in (alpha[:, 0] > 0.5).cpu().numpy()]

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """The cameras of the nearest silhouettes; of equal distances the first view wins; no initial pose is used."""
        return self.nearest(images, 1)

    def nearest(self, images: Tensor, number: int) -> Poses:  # images: (B, 3, H, W)
        """The cameras of the `number` nearest silhouettes of each image, (B * number), nearest first."""
        if self._cameras is None:
            raise RuntimeError("ChamferRetrieval is used before fit or load")
        best: list[int] = []
        for mask in foreground(images, self._threshold).cpu().numpy():
            query = _with_distances(mask)
            distances = [chamfer_distance(query, candidate) for candidate in self._candidates]
            best += np.argsort(distances, kind="stable")[:number].tolist()
        cameras = self._cameras
        return Cameras(cameras.K[best], cameras.world_to_camera[best], cameras.width, cameras.height)

    def save(self, folder: Path) -> None:
        """Write nothing: the silhouettes are rendered in less time than they are read."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)


def chamfer_distance(first: tuple[Mask, Distances], second: tuple[Mask, Distances]) -> float:
    """Eq. 3: the mean distance from each mask's pixels to the nearest of the other, both ways, in px.

    Each mask comes with the distance of every pixel to its nearest one. Infinite where a mask is empty.
    """
    (one, to_one), (other, to_other) = first, second
    if not one.any() or not other.any():
        return float("inf")
    return float(to_other[one].mean() + to_one[other].mean())


def _with_distances(mask: Mask) -> tuple[Mask, Distances]:
    return mask, np.asarray(distance_transform_edt(~mask))
