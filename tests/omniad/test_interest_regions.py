"""Interest regions against scipy's binary dilation, and what is drawn of them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from padbench_omniad.interest_regions import draw_pixels, interest_region

coordinate = st.floats(-3, 30, width=32)


@given(
    points=st.lists(st.tuples(coordinate, coordinate), max_size=5),
    kernel_size=st.sampled_from([1, 3, 5]),
    dilations=st.integers(0, 3),
    height=st.integers(1, 20),
    width=st.integers(1, 27),
)
def test_is_the_dilated_mask_of_the_key_points(
    points: list[tuple[float, float]], kernel_size: int, dilations: int, height: int, width: int
) -> None:
    mask = np.zeros((height, width), bool)
    for x, y in points:
        if 0 <= x < width and 0 <= y < height:
            mask[int(y), int(x)] = True
    if not mask.any():
        mask[:] = True
    elif dilations:
        mask = binary_dilation(mask, np.ones((kernel_size, kernel_size)), iterations=dilations)
    region = interest_region(torch.tensor(points).reshape(-1, 2), kernel_size, dilations, height, width)
    rows, columns = np.nonzero(mask)
    np.testing.assert_array_equal(region.numpy(), np.stack([columns, rows], axis=1) + 0.5)


def test_pixels_are_drawn_of_the_region_each_once_before_any_is_drawn_again() -> None:
    generator = torch.Generator().manual_seed(1)
    for size in (7, 20, 50):
        region = torch.rand(size, 2)
        pixels = draw_pixels(region, 20, generator)
        assert pixels.shape == (20, 2)
        times = (pixels[:, None] == region[None]).all(-1).sum(0)
        assert int(times.sum()) == 20
        assert int(times.max()) - int(times.min()) <= 1
        assert not torch.equal(pixels, draw_pixels(region, 20, generator))
