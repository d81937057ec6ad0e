"""Box overlaps against counted pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from padbench.metrics.boxes import mean_iou

_boxes = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(st.tuples(_boxes, _boxes), min_size=1, max_size=5))
def test_equals_counting_pixels(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    """Intersection over union of the pixels that integer boxes cover; empty boxes overlap by 0."""
    overlaps = []
    for pair in pairs:
        first, second = (
            {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
            for x, y, width, height in pair
        )
        overlaps.append(len(first & second) / len(first | second) if first | second else 0.0)
    predicted, true = (np.array(boxes, dtype=np.float64) for boxes in zip(*pairs, strict=True))
    assert mean_iou(predicted, true) == pytest.approx(np.mean(overlaps))
