"""The pose estimator "rvss-retrieval": the training or novel view that a query shares most points with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from padbench.interfaces import Poses, Representation, Runtime
from padbench.scene import Cameras, Scene
from padbench.weights import WeightFile
from padbench_rpepad.match_counts import Matcher, match_counts, matching_weights
from padbench_rpepad.rvss import ViewGallery


class NovelViewRetrieval:
    """The camera of the best matching view of the gallery, which is the training set and the novel set.

    novel_views, sigma_r, sigma_t: see `rvss.novel_cameras`; the views are those that "irprn" makes with the same
    settings. matcher, max_keypoints, min_cosine: see `match_counts.match_counts`. Implements
    `interfaces.PoseEstimator`.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        novel_views: int = 3,
        sigma_r: float = 0.02,
        sigma_t: float = 0.1,
        matcher: Matcher = "xfeat",
        max_keypoints: int = 512,
        min_cosine: float = 0.82,
    ) -> None:
        self._runtime = runtime
        self._perturbation = (novel_views, sigma_r, sigma_t)
        self._counts = match_counts(matcher, max_keypoints, min_cosine, runtime.device)
        self._gallery: ViewGallery | None = None

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return matching_weights(parameters["matcher"])

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return self._counts.weights()

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Render the novel views and extract the features of the gallery; raises UserError as `ViewGallery`."""
        self._gallery = self._views(scene, representation)
        indices = range(len(self._gallery))
        self._counts.add(self._gallery, self._runtime.progress.track(indices, "features of the gallery"))

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Return the camera of the best matching view of each query; an initial pose is not used."""
        if self._gallery is None:
            raise RuntimeError("NovelViewRetrieval is used before fit or load")
        # Of equal numbers the first view wins.
        best = self._counts.counts(images).argmax(dim=1).tolist()
        cameras = self._gallery.cameras
        return Cameras(cameras.K[best], cameras.world_to_camera[best], cameras.width, cameras.height)

    def save(self, folder: Path) -> None:
        """Write the features of the gallery."""
        self._counts.save(folder)

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Read the features of the gallery; raises UserError when they are those of another one."""
        self._gallery = self._views(scene, representation)
        self._counts.load(folder, self._gallery)

    def _views(self, scene: Scene, representation: Representation | None) -> ViewGallery:
        return ViewGallery(scene, representation, *self._perturbation, self._runtime.seed, self._runtime.device)
