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


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(1) for _ in range(count)]


def test_pixels_are_drawn_of_the_region_each_once_before_any_is_drawn_again() -> None:
    regions = [torch.rand(size, 2) for size in (7, 20, 50)]
    drawn = draw_pixels(regions, 20, generators(3))
    assert drawn.shape == (3, 20, 2)
    for region, pixels in zip(regions, drawn, strict=True):
        times = (pixels[:, None] == region[None]).all(-1).sum(0)
        assert int(times.sum()) == 20
        assert int(times.max()) - int(times.min()) <= 1
    assert not torch.equal(drawn[1], regions[1])  # in random order


def test_what_is_drawn_of_a_region_does_not_depend_on_the_others() -> None:
    regions = [torch.rand(size, 2) for size in (9, 31)]
    together = draw_pixels(regions, 12, generators(2))
    alone = draw_pixels(regions[1:], 12, generators(1))
    assert torch.equal(together[1:], alone)
    shared = generators(1)
    assert not torch.equal(draw_pixels(regions[1:], 12, shared), draw_pixels(regions[1:], 12, shared))
