"""Coarse poses: the camera of the training view that matches the query in most points (IGSPAD, section 3.2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime
from padbench.scene import Camera, Cameras, Scene
from padbench.weights import WeightFile
from padbench_retrieval.gallery import Gallery
from padbench_retrieval.local_features import Keypoints
from padbench_retrieval.matching import LocalFeatureMatcher, matcher_weights


class LightGlueRetrieval:
    """The training view with most matches gives the pose.

    features: local features, "xfeat", "aliked", "disk" or "superpoint". max_keypoints: per image. min_cosine: of
    mutual nearest neighbours. shortlist: LightGlue decides among the so many views with most mutual nearest
    neighbours; 0 matches all views with LightGlue, as the paper does; 1 leaves the decision to mutual nearest
    neighbours alone. The features of the training views are extracted once, in `fit`.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        features: str = "xfeat",
        max_keypoints: int = 512,
        min_cosine: float = 0.82,
        shortlist: int = 10,
    ) -> None:
        if max_keypoints < 1:
            raise UserError(f"max_keypoints must be at least 1, not {max_keypoints}")
        if not 0 <= min_cosine < 1:
            raise UserError(f"min_cosine must be in [0, 1), not {min_cosine}")
        if shortlist < 0:
            raise UserError(f"shortlist must be 0 (all views) or a number of views, not {shortlist}")
        self._runtime = runtime
        self._min_cosine = min_cosine
        self._shortlist = shortlist
        self._matcher = LocalFeatureMatcher(runtime.device, features, max_keypoints)
        self._gallery = Gallery([])
        self._cameras: Sequence[Camera] = ()

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return matcher_weights(parameters["features"])

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return self._matcher.weights()

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Extract the local features of the training views; the representation is not used."""
        self._cameras = _cameras(scene)
        views = self._runtime.progress.track(scene.views, "local features of the training views")
        self._gallery = Gallery([self._matcher.extract(view.image()[None])[0] for view in views])

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Return the camera of the best matching training view of each query; an initial pose is not used."""
        chosen = [self._best_view(query) for query in self._matcher.extract(images)]
        return Cameras.stack([self._cameras[index] for index in chosen], self._runtime.device)

    def save(self, folder: Path) -> None:
        """Write the features of the training views."""
        self._gallery.save(folder)

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Read the features of the training views; raises UserError when they are those of other views."""
        self._cameras = _cameras(scene)
        self._gallery = Gallery.load(folder, scene.name, len(scene.views), self._runtime.device)

    @torch.inference_mode()
    def _best_view(self, query: Keypoints) -> int:
        counts = self._gallery.mutual_counts(query, self._min_cosine)
        if self._shortlist == 1:
            return int(counts.argmax())
        candidates = torch.argsort(counts, descending=True, stable=True).tolist()
        if self._shortlist:
            candidates = candidates[: self._shortlist]
        # Of equal numbers of LightGlue matches the first wins: the view with more mutual nearest neighbours.
        matches = [len(self._matcher.match(query, self._gallery.views[index])) for index in candidates]
        return int(candidates[matches.index(max(matches))])


def _cameras(scene: Scene) -> list[Camera]:
    if not scene.views:
        raise UserError(f"{scene.name} has no posed training views, which retrieval chooses from")
    return [view.camera for view in scene.views]
