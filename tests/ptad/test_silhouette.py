"""The detector that compares outlines and learns nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from padbench.errors import UserError
from padbench.interfaces import Prediction, Rendering, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras
from padbench_ptad.silhouette import SilhouetteDisagreement
from ptad.chair_scenes import HOLE, Plate, camera, image


def score(images: torch.Tensor, rendering: Rendering, **parameters: int) -> Prediction:
    return SilhouetteDisagreement(Runtime("cpu", 0, SilentProgress()), **parameters).score(images, rendering)


def plates(*holes: bool) -> torch.Tensor:
    return torch.stack([torch.from_numpy(image(index, hole).transpose(2, 0, 1)) for index, hole in enumerate(holes)])


def test_the_score_is_the_hole_s_share_of_the_object_and_the_box_is_the_hole_s() -> None:
    """Without a rim the figures are exact: 6 x 8 of 20 x 20 pixels."""
    rendering = Plate().render(Cameras.stack([camera()] * 2))
    prediction = score(plates(True, False), rendering, rim=0, shift=0)
    assert prediction.image_score.tolist() == pytest.approx([48 / 400, 0])
    assert prediction.box is not None and prediction.box[0].tolist() == list(HOLE)
    assert prediction.threshold is None


def test_a_rim_is_forgiven_and_the_box_gets_it_back() -> None:
    """One pixel off each side of the hole in the score, none off its box."""
    prediction = score(plates(True), Plate().render(Cameras.stack([camera()])), rim=1, shift=0)
    assert prediction.image_score.tolist() == pytest.approx([4 * 6 / 400])
    assert prediction.box is not None and prediction.box[0].tolist() == list(HOLE)


def test_a_small_shift_is_searched_for_and_a_large_one_is_not() -> None:
    """Moved by two pixels a sound plate scores nothing, by more than the search reaches it does."""
    rendering = Plate().render(Cameras.stack([camera()]))
    for moved, found in ((2, 0), (5, 1)):
        alpha = torch.from_numpy(np.roll(rendering.alpha.numpy(), (moved, -moved), (2, 3)))
        prediction = score(plates(False), replace(rendering, alpha=alpha), rim=0, shift=2)
        assert (float(prediction.image_score) > 0) == bool(found)


def test_it_needs_a_rendering() -> None:
    """In one sentence."""
    with pytest.raises(UserError, match="name a representation"):
        SilhouetteDisagreement(Runtime("cpu", 0, SilentProgress())).score(plates(True), None)
