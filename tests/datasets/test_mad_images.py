"""Decoding and resizing: exact averages, white behind transparency, content that stays where the camera sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from padbench_datasets.images import resize, scaled_size
from padbench_datasets.mad import MadDataset


def averages_by_repetition(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float64]:
    """Area averages by hand: repeat every pixel until the new pixels are whole numbers of copies."""
    old_height, old_width = image.shape[:2]
    fine = image.repeat(height, axis=0).repeat(width, axis=1).astype(np.float64) / 255
    blocks = fine.reshape(height, old_height, width, old_width, 3)
    return np.asarray(blocks.mean(axis=(1, 3)))


@given(st.data())
def test_shrinking_averages_the_covered_area_exactly(data: st.DataObject) -> None:
    old_height, old_width = data.draw(st.integers(1, 17)), data.draw(st.integers(1, 17))
    height, width = data.draw(st.integers(1, old_height)), data.draw(st.integers(1, old_width))
    image = data.draw(arrays.arrays(np.uint8, (old_height, old_width, 3)))
    np.testing.assert_allclose(resize(image, (width, height)), averages_by_repetition(image, width, height), atol=1e-6)


@pytest.mark.parametrize(("stored", "size"), [((400, 400), (256, 256)), ((800, 600), (384, 288)), ((60, 50), (96, 80))])
def test_content_stays_where_the_scaled_camera_sees_it(stored: tuple[int, int], size: tuple[int, int]) -> None:
    """The centroid of a blob moves with the pixel coordinates, whose origin is the image's corner."""
    centre = np.array([0.37 * stored[0], 0.61 * stored[1]])
    columns, rows = np.meshgrid(np.arange(stored[0]) + 0.5, np.arange(stored[1]) + 0.5)
    distance = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2
    blob = np.round(255 * np.exp(-distance / (2 * (0.04 * stored[0]) ** 2))).astype(np.uint8)
    weights = resize(np.repeat(blob[..., None], 3, axis=2), size)[..., 0].astype(np.float64)
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    centroid = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    np.testing.assert_allclose(centroid, centre * np.array(size) / np.array(stored), atol=0.01)


def test_enlarging_stays_in_range() -> None:
    image = np.zeros((6, 6, 3), dtype=np.uint8)
    image[:, 3:] = 255
    enlarged = resize(image, (25, 25))
    assert enlarged.shape == (25, 25, 3)
    assert enlarged.dtype == np.float32
    assert enlarged.min() == 0
    assert enlarged.max() == 1
    assert 0.3 < enlarged[:, 12].mean() < 0.7


@given(st.tuples(st.integers(1, 2000), st.integers(1, 2000)), st.integers(1, 2000))
def test_the_longer_side_is_the_image_size(stored: tuple[int, int], longer: int) -> None:
    size = scaled_size(stored, longer)
    assert max(size) == longer
    assert min(size) >= 1
    for old, new in zip(stored, size, strict=True):
        assert abs(new - old * longer / max(stored)) <= 0.5 or new == 1
    assert scaled_size(stored, None) == stored


def stored_as(mad_class: Path, image: Image.Image) -> NDArray[np.float32]:
    image.save(mad_class / "train/good/2.png")
    return MadDataset(mad_class.parent).task("01Brick").fit[0].views[2].load()


def test_transparent_pixels_are_composited_on_white(mad_class: Path) -> None:
    pixels = np.zeros((20, 24, 4), dtype=np.uint8)
    pixels[..., 0] = 200
    pixels[:10, :, 3] = 255
    pixels[10:15, :, 3] = 51  # a fifth
    image = stored_as(mad_class, Image.fromarray(pixels, "RGBA"))
    np.testing.assert_allclose(image[0, 0], [200 / 255, 0, 0], atol=1e-6)
    np.testing.assert_allclose(image[12, 0], [0.8 + 0.2 * 200 / 255, 0.8, 0.8], atol=1 / 255)
    np.testing.assert_array_equal(image[19, 0], [1, 1, 1])


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "1"])
def test_every_8_bit_format_becomes_rgb(mad_class: Path, mode: str) -> None:
    image = Image.new("RGB", (24, 20), "white")
    image.paste((0, 0, 0), (3, 0, 24, 20))
    loaded = stored_as(mad_class, image.convert(mode))
    assert loaded.shape == (20, 24, 3)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded[:, :3], 1)
    np.testing.assert_array_equal(loaded[:, 3:], 0)


def test_an_image_is_read_when_asked_for_and_not_kept(mad_class: Path) -> None:
    view = MadDataset(mad_class.parent).task("01Brick").fit[0].views[0]
    Image.new("RGB", (24, 20), (255, 0, 0)).save(mad_class / "train/good/0.png")
    assert view.load()[0, 0].tolist() == [1, 0, 0]
    Image.new("RGB", (24, 20), (0, 255, 0)).save(mad_class / "train/good/0.png")
    assert view.load()[0, 0].tolist() == [0, 1, 0]
    assert tuple(view.image().shape) == (3, 20, 24)
