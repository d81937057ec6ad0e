"""Overlap of boxes, against torchvision."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_convert, box_iou

from padbench.metrics.boxes import box_overlaps

boxes = st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.1, 8), st.floats(0.1, 8))


@given(predicted=boxes, true=boxes)
def test_overlaps_are_those_of_torchvision(predicted: tuple[float, ...], true: tuple[float, ...]) -> None:
    """Any two boxes, apart or one in the other."""
    corners = [box_convert(torch.tensor([box], dtype=torch.float64), "xywh", "xyxy") for box in (predicted, true)]
    found = box_overlaps(np.array([predicted]), np.array([true]))
    assert np.isclose(found[0], float(box_iou(*corners)), atol=1e-12)


def test_nothing_overlaps_with_nothing() -> None:
    """Empty and inverted boxes have overlap 0, not NaN, and do not borrow area from each other."""
    nothing = np.array([[3.0, 3, 0, 0], [3, 3, -2, -2]])
    assert box_overlaps(nothing, nothing).tolist() == [0, 0]
    assert box_overlaps(nothing, np.array([[0.0, 0, 9, 9]] * 2)).tolist() == [0, 0]
