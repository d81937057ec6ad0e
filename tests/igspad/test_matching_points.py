"""The weighting map of Matching Points Sampling, against the distance of every pixel to every point."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from padbench_igspad.matching_points import matching_points_weights

coordinate = st.floats(-8, 40, width=32)


@given(
    points=st.lists(st.tuples(coordinate, coordinate), max_size=6),
    radius=st.floats(0.5, 9.0),
    height=st.integers(1, 24),
    width=st.integers(1, 33),
)
def test_is_one_exactly_within_the_radius_of_a_point(
    points: list[tuple[float, float]], radius: float, height: int, width: int
) -> None:
    weights = matching_points_weights(torch.tensor(points).reshape(-1, 2), radius, height, width)
    assert weights.shape == (height, width)
    for y in range(height):
        for x in range(width):
            distances = [((x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2) ** 0.5 for px, py in points]
            nearest = min(distances, default=float("inf"))
            if abs(nearest - radius) > 1e-4:  # float32 against float64 at the rim
                assert weights[y, x] == float(nearest < radius)


def test_has_the_area_of_the_disc() -> None:
    assert abs(float(matching_points_weights(torch.tensor([[50.0, 50.0]]), 20.0, 100, 100).sum()) - 1257) < 10
