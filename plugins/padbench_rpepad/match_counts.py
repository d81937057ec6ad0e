"""How many points an image shares with every view of a gallery, by local features or by LoFTR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.weights import WeightFile
from padbench_retrieval.gallery import Gallery
from padbench_retrieval.local_features import Keypoints
from padbench_retrieval.loftr import LoFTRMatcher, loftr_weight
from padbench_retrieval.matching import LocalFeatureMatcher, matcher_weights
from padbench_rpepad.rvss import ViewGallery
from padbench_rpepad.workers import workers

Matcher = Literal["xfeat", "aliked", "disk", "loftr"]


class MatchCounts(Protocol):
    """Counts the matches of images with every view that was added."""

    def add(self, gallery: ViewGallery, indices: Iterable[int]) -> None:
        """Append views of the gallery; their counts come in this order."""
        ...

    def counts(self, images: Iterable[Tensor]) -> Tensor:  # images: (3, H, W) each
        """The number of matches of each image with each view, (N, V) int64."""
        ...

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        ...

    def save(self, folder: Path) -> None:
        """Write what is slow to compute again."""
        ...

    def load(self, folder: Path, gallery: ViewGallery) -> None:
        """Be as after all views of the gallery were added, from what `save` wrote."""
        ...


def match_counts(matcher: Matcher, max_keypoints: int, min_cosine: float, device: str) -> MatchCounts:
    """Mutual nearest neighbours of local features, or "loftr" as in the paper, for which the two settings mean nothing.

    Raises UserError for missing weights and for settings out of range.
    """
    if max_keypoints < 1:
        raise UserError(f"max_keypoints must be at least 1, not {max_keypoints}")
    if not 0 <= min_cosine < 1:
        raise UserError(f"min_cosine must be in [0, 1), not {min_cosine}")
    if matcher == "loftr":
        return LoFTRCounts(LoFTRMatcher(device))
    return LocalFeatureCounts(LocalFeatureMatcher(device, matcher, max_keypoints), min_cosine, device)


def matching_weights(matcher: Matcher) -> Sequence[WeightFile]:
    """The files that `match_counts` reads."""
    return [loftr_weight()] if matcher == "loftr" else matcher_weights(matcher)


class LocalFeatureCounts:
    """Mutual nearest neighbours of local features, those of the views extracted once."""

    def __init__(self, matcher: LocalFeatureMatcher, min_cosine: float, device: str) -> None:
        self._matcher = matcher
        self._device = device
        self._min_cosine = min_cosine
        self._gallery = Gallery([])

    def add(self, gallery: ViewGallery, indices: Iterable[int]) -> None:
        """See `MatchCounts`."""
        with workers(self._device) as in_parallel:
            views = list(in_parallel(self._extract, map(gallery.image, indices)))
        self._gallery = Gallery([*self._gallery.views, *views])

    def counts(self, images: Iterable[Tensor]) -> Tensor:  # images: (3, H, W) each
        """See `MatchCounts`."""
        with workers(self._device) as in_parallel:
            return torch.stack(list(in_parallel(self._count, images)))

    def weights(self) -> dict[str, str]:
        """See `MatchCounts`."""
        return self._matcher.weights()

    def save(self, folder: Path) -> None:
        """Write the descriptors of the views."""
        self._gallery.save(folder)

    def load(self, folder: Path, gallery: ViewGallery) -> None:
        """See `MatchCounts`; raises UserError when the file is damaged or of another gallery."""
        self._gallery = Gallery.load(folder, "the gallery", len(gallery), self._device)

    def _extract(self, image: Tensor) -> Keypoints:  # image: (3, H, W)
        return self._matcher.extract(image[None])[0]

    @torch.inference_mode()
    def _count(self, image: Tensor) -> Tensor:  # image: (3, H, W)
        return self._gallery.mutual_counts(self._extract(image), self._min_cosine)


class LoFTRCounts:
    """LoFTR matches with every view: the setting of the paper, for a GPU."""

    def __init__(self, matcher: LoFTRMatcher) -> None:
        self._matcher = matcher
        self._views: list[tuple[ViewGallery, int]] = []

    def add(self, gallery: ViewGallery, indices: Iterable[int]) -> None:
        """See `MatchCounts`."""
        self._views += [(gallery, index) for index in indices]

    def counts(self, images: Iterable[Tensor]) -> Tensor:  # images: (3, H, W) each
        """See `MatchCounts`."""
        return torch.tensor(
            [
                [len(self._matcher.matches(image, view.image(index))[0]) for view, index in self._views]
                for image in images
            ]
        )

    def weights(self) -> dict[str, str]:
        """See `MatchCounts`."""
        return self._matcher.weights()

    def save(self, folder: Path) -> None:
        """Nothing is computed in advance, nothing is written."""

    def load(self, folder: Path, gallery: ViewGallery) -> None:
        """See `MatchCounts`."""
        self.add(gallery, range(len(gallery)))
