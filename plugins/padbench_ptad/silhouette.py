"""The detector "silhouette": the largest region in which the query's outline is not that of the normal object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import FittedScene, Prediction, Rendering, Runtime
from padbench_ptad.masks import foreground

Mask = NDArray[np.bool_]

_NEIGHBOURS = np.ones((3, 3), dtype=bool)


class SilhouetteDisagreement:
    """Scores a query by the largest connected region in which its mask and the rendered alpha disagree; learns nothing.

    threshold: of `masks.foreground`. shift: pixels by which the rendering is moved at most to agree best. rim: regions
    are thinned by so many pixels before they are measured, since outlines that agree differ by a rim. The score is the
    share of the object's pixels; the box is that of the region. Implements `interfaces.Detector`.
    """

    def __init__(self, runtime: Runtime, *, threshold: float = 0.04, shift: int = 2, rim: int = 1) -> None:
        if min(shift, rim) < 0:
            raise UserError(f"silhouette needs a shift and a rim of at least 0, not {shift} and {rim}: mend the recipe")
        self._threshold, self._shift, self._rim = threshold, shift, rim

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        """Nothing is learnt."""

    def score(self, images: Tensor, references: Rendering | None) -> Prediction:  # images: (B, 3, H, W)
        """Compare the masks; raises UserError where nothing is rendered to compare with."""
        if references is None:
            raise UserError("silhouette compares with a rendering: name a representation and a pose in the recipe")
        queries = foreground(images, self._threshold).cpu().numpy()
        normals = (references.alpha[:, 0] > 0.5).cpu().numpy()
        maps, scores, boxes = [], [], []
        for query, normal in zip(queries, normals, strict=True):
            differs = self._difference(query, normal)
            region = _largest(differs)
            maps.append(torch.from_numpy(differs.astype(np.float32) + region))
            scores.append(region.sum() / max(1, normal.sum()))
            boxes.append(
                _box(ndimage.binary_dilation(region, _NEIGHBOURS, iterations=self._rim) if self._rim else region)
            )
        return Prediction(torch.stack(maps), torch.tensor(scores, dtype=torch.float32), torch.tensor(boxes))

    def save(self, folder: Path) -> None:
        """There is no fitted state."""

    def load(self, folder: Path, fitted: Sequence[FittedScene]) -> None:
        """There is no fitted state."""

    def _difference(self, query: Mask, normal: Mask) -> Mask:
        """Where the masks disagree, thinned, at the shift of the normal one at which they do so least."""
        steps = range(-self._shift, self._shift + 1)
        candidates = [query ^ _shifted(normal, down, across) for down in steps for across in steps]
        least = min(candidates, key=lambda difference: int(difference.sum()))
        return ndimage.binary_erosion(least, _NEIGHBOURS, iterations=self._rim) if self._rim else least


def _shifted(mask: Mask, down: int, across: int) -> Mask:
    moved = np.zeros_like(mask)
    height, width = mask.shape
    moved[max(down, 0) : height + min(down, 0), max(across, 0) : width + min(across, 0)] = mask[
        max(-down, 0) : height + min(-down, 0), max(-across, 0) : width + min(-across, 0)
    ]
    return moved


def _largest(mask: Mask) -> Mask:
    """The largest 8-connected region of a mask, the first of equal ones."""
    labels, count = ndimage.label(mask, _NEIGHBOURS)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(sizes.argmax()))


def _box(region: Mask) -> list[float]:
    """x, y, width, height in px; all 0 where there is no region."""
    if not region.any():
        return [0.0] * 4
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return [float(value) for value in (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)]
