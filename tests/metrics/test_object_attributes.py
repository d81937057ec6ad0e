"""Shape complexity and colour contrast on planted images, against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.measure import perimeter_crofton

from padbench.metrics.object_attributes import colour_contrast, lab, shape_complexity, silhouette

SIZE = 160


def _polar() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + 0.5
    return np.hypot(rows, columns), np.arctan2(rows, columns)


def _disc(radius: float = 50) -> NDArray[np.bool_]:
    return np.asarray(_polar()[0] < radius)


def _star(points: int, depth: float = 0.5) -> NDArray[np.bool_]:
    distance, angle = _polar()
    return np.asarray(distance < 50 * (1 + depth * np.cos(points * angle)))


def _painted(mask: NDArray[np.bool_], *colours: tuple[float, float, float]) -> NDArray[np.float32]:
    """Stripes of the colours on white."""
    image = np.ones((SIZE, SIZE, 3), dtype=np.float32)
    stripes = np.arange(SIZE) // 8 % len(colours)
    paint = np.array(colours, dtype=np.float32)[stripes][None].repeat(SIZE, axis=0)
    image[mask] = paint[mask]
    return image


@given(arrays(np.float32, (3, 4, 3), elements=st.floats(0, 1, width=32)))
def test_lab_is_that_of_scikit_image(image: NDArray[np.float32]) -> None:
    assert lab(image) == pytest.approx(rgb2lab(image.astype(np.float64)), abs=0.02)


@pytest.mark.parametrize("radius", [12, 30, 60])
def test_a_disc_of_any_size_has_complexity_one(radius: float) -> None:
    assert shape_complexity(_disc(radius)) == pytest.approx(1.0, abs=0.06)


def test_the_more_an_outline_winds_the_more_complex_it_is() -> None:
    """Disc, stars with more and more points, and a disc with a hole."""
    ordered = [_disc(), _star(4), _star(6), _star(9)]
    complexities = [shape_complexity(mask) for mask in ordered]
    assert complexities == sorted(complexities) and complexities[1] > 1.5
    assert shape_complexity(_disc() & ~_disc(20)) > shape_complexity(_disc())


@given(arrays(np.bool_, (9, 11)).filter(lambda mask: mask.any()))
def test_the_perimeter_is_that_of_scikit_image(mask: NDArray[np.bool_]) -> None:
    """Crofton's formula in four directions; scikit-image does not count the outline at the image's border."""
    perimeter = perimeter_crofton(np.pad(mask, 2), directions=4)  # type: ignore[no-untyped-call]
    assert shape_complexity(mask) == pytest.approx(perimeter**2 / (4 * np.pi * mask.sum()))


def test_contrast_grows_with_the_distance_of_the_colours_and_ignores_the_background() -> None:
    mask = _star(5)
    red, orange, blue = (0.8, 0.1, 0.1), (0.8, 0.4, 0.1), (0.1, 0.1, 0.8)
    contrasts = [colour_contrast(_painted(mask, *colours), mask) for colours in ((red,), (red, orange), (red, blue))]
    assert contrasts[0] == pytest.approx(0, abs=1e-6)
    assert contrasts[0] < contrasts[1] < contrasts[2]
    greys = colour_contrast(_painted(mask, (0.1, 0.1, 0.1), (0.9, 0.9, 0.9)), mask)
    assert greys == pytest.approx(0, abs=0.02), "lightness is no colour"
    image = _painted(mask, red, blue)
    values = rgb2lab(image.astype(np.float64))[mask][:, 1:]
    assert contrasts[2] == pytest.approx(np.sqrt(values.var(axis=0).sum()), abs=0.05)


def test_the_silhouette_is_the_painted_object() -> None:
    mask = _star(5)
    np.testing.assert_array_equal(silhouette(_painted(mask, (0.8, 0.1, 0.1), (0.1, 0.5, 0.2))), mask)
    noise = np.random.default_rng(0).normal(0, 0.004, (SIZE, SIZE, 3)).astype(np.float32)
    np.testing.assert_array_equal(silhouette(np.clip(_painted(mask, (0.2, 0.2, 0.7)) + noise, 0, 1)), mask)


def test_what_stands_before_no_plain_background_has_no_silhouette() -> None:
    room = np.random.default_rng(0).random((SIZE, SIZE, 3), dtype=np.float32)
    assert silhouette(room) is None
    assert silhouette(np.ones((SIZE, SIZE, 3), dtype=np.float32)) is None
