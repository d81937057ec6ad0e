"""The pose estimator "reference-views": none is estimated, the query is compared with every reference view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime
from padbench.scene import Cameras, Scene


class ReferenceViews:
    """The cameras of the scene's reference views for every query, as in PTAD's baselines A and B and in Looking 3D.

    views: how many of them, evenly spaced in their order; all where there are no more. Implements
    `interfaces.PoseEstimator`.
    """

    def __init__(self, runtime: Runtime, *, views: int = 20) -> None:
        if views < 1:
            raise UserError(f"reference-views needs views of at least 1, not {views}: mend the recipe")
        self._device, self._number = runtime.device, views
        self._cameras: Cameras | None = None

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Take the cameras; raises UserError for a scene without views or with views of several sizes."""
        if not scene.views:
            raise UserError(f"{scene.name} has no reference views, which reference-views compares with")
        number = min(self._number, len(scene.views))
        chosen = np.arange(number) * len(scene.views) // number
        try:
            self._cameras = Cameras.stack([scene.views[int(index)].camera for index in chosen], self._device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be used by reference-views: {error}") from error

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """All cameras for every image, image by image; no initial pose is used."""
        if self._cameras is None:
            raise RuntimeError("ReferenceViews is used before fit or load")
        each, count = self._cameras, len(images)
        return Cameras(each.K.repeat(count, 1, 1), each.world_to_camera.repeat(count, 1, 1), each.width, each.height)

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)
