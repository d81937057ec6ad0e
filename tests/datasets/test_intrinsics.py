"""Cameras as COLMAP's export gives them: against rays traced by hand and images distorted by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from padbench_datasets.intrinsics import Intrinsics, read_intrinsics, undistort
from padbench_datasets.poses import pinhole
from padbench_datasets.rad import RadDataset

Array = NDArray[np.float64]

FILE = Path("transforms.json")
LENS = {"k1": -0.28, "k2": 0.07, "p1": 0.004, "p2": -0.006}


def update(folder: Path, **values: object) -> None:
    path = folder / "transforms.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


sides = st.integers(8, 1300)
shares = st.floats(0, 1)


@given(sides, sides, st.floats(5, 3000), st.floats(0.8, 1.25), st.tuples(shares, shares), st.integers(1, 3), sides)
def test_a_point_on_an_opengl_ray_projects_onto_its_pixel(
    width: int, height: int, focal: float, squeeze: float, share: tuple[float, float], larger: int, new_width: int
) -> None:
    """The intrinsics are those of a copy that is `larger` times smaller than the stored image."""
    content = {"fl_x": focal, "fl_y": focal * squeeze, "cx": 0.47 * width, "cy": 0.55 * height, "w": width, "h": height}
    stored, size = (width * larger, height * larger), (new_width, 77)
    pose = np.array([[0.0, 0.6, 0.8, 5], [1, 0, 0, -2], [0, 0.8, -0.6, 1], [0, 0, 0, 1]])
    right, down = share[0] * width - 0.47 * width, share[1] * height - 0.55 * height
    # OpenGL: the camera looks along -z, y is up.
    point = pose @ [7 * right / focal, -7 * down / (focal * squeeze), -7, 1]
    camera = pinhole(pose, read_intrinsics(content, FILE, stored), stored, size)
    seen = camera.K @ (camera.world_to_camera @ point)[:3]
    np.testing.assert_allclose(seen[:2] / seen[2], np.array([share[0] * new_width, share[1] * 77]), atol=1e-6)
    assert seen[2] == pytest.approx(7, abs=1e-9)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"camera_angle_x": 2 * math.atan(0.5)}, (40, 40, 20, 15)),
        ({"camera_angle_x": 2 * math.atan(0.5), "camera_angle_y": 2 * math.atan(0.25)}, (40, 60, 20, 15)),
        ({"fl_x": 50}, (50, 50, 20, 15)),
        ({"fl_x": 50, "fl_y": 51.5, "cx": 19, "camera_angle_x": 0.1}, (50, 51.5, 19, 15)),
        ({"fl_x": 25, "fl_y": 24, "cx": 9, "cy": 8, "w": 20, "h": 15.0}, (50, 48, 18, 16)),
        ({"fl_x": 10.25, "w": 13, "h": 10, "k1": 0}, (10.25 * 40 / 13, 10.25 * 3, 20, 15)),  # 40x30 to the third
    ],
)
def test_what_is_not_given_follows_from_what_is(content: dict[str, float], expected: tuple[float, ...]) -> None:
    camera = read_intrinsics(content, FILE, (40, 30))
    assert (camera.fl_x, camera.fl_y, camera.cx, camera.cy) == pytest.approx(expected)


def test_views_of_rad_are_resized_with_their_camera(rad_class: Path) -> None:
    (scene,) = RadDataset(rad_class.parent, image_size=12).task("teacup").fit
    camera = scene.views[1].camera
    np.testing.assert_allclose(camera.K, np.array([[15.0, 0, 5.75], [0, 15.5, 5.25], [0, 0, 1]]))
    assert (camera.width, camera.height) == (12, 10)
    assert scene.views[1].load().shape == scene.queries[0].load().shape == (10, 12, 3)


def distorted_by_hand(x: float, y: float, lens: dict[str, float]) -> tuple[float, float]:
    """OpenCV's model, on normalised coordinates."""
    r2 = x**2 + y**2
    factor = 1 + lens["k1"] * r2 + lens["k2"] * r2**2 + lens.get("k3", 0) * r2**3
    return (
        x * factor + 2 * lens["p1"] * x * y + lens["p2"] * (r2 + 2 * x**2),
        y * factor + lens["p1"] * (r2 + 2 * y**2) + 2 * lens["p2"] * x * y,
    )


def straight_coordinates(size: tuple[int, int], camera: dict[str, float], lens: dict[str, float]) -> Array:
    """Which point of the pinhole image each pixel of the distorted image shows, (H, W, 2), by fixed-point iteration."""
    shown = np.empty((size[1], size[0], 2))
    for row in range(size[1]):
        for column in range(size[0]):
            target_x = (column + 0.5 - camera["cx"]) / camera["fl_x"]
            target_y = (row + 0.5 - camera["cy"]) / camera["fl_y"]
            x, y = target_x, target_y
            for _ in range(25):
                found_x, found_y = distorted_by_hand(x, y, lens)
                x, y = x + target_x - found_x, y + target_y - found_y
            shown[row, column] = x * camera["fl_x"] + camera["cx"], y * camera["fl_y"] + camera["cy"]
    return shown


def pattern(pixels: Array) -> Array:
    """Smooth colours of the plane, (..., 3) in [0, 255]."""
    x, y = pixels[..., 0], pixels[..., 1]
    waves = np.stack([np.sin(x / 9) * np.cos(y / 7), np.cos(x / 11 + y / 13), np.sin(y / 8)], axis=-1)
    return 127.5 + 120 * waves


def disc(pixels: Array) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(pixels[..., 0] - 18, pixels[..., 1] - 16) < 9)


def test_distortion_is_removed_from_views_queries_and_masks(rad_class: Path) -> None:
    size, camera = (120, 84), {"fl_x": 70.0, "fl_y": 72.0, "cx": 62.0, "cy": 40.0}
    shown = straight_coordinates(size, camera, LENS)
    for path in rad_class.glob("t*/*/*.png"):
        Image.fromarray(pattern(shown).round().astype(np.uint8)).save(path)
    for path in rad_class.glob("ground_truth/*/*.png"):
        Image.fromarray(255 * disc(shown).astype(np.uint8)).save(path)
    update(rad_class, w=size[0], h=size[1], **camera, **LENS)
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    (scene,) = dataset.task("teacup").test
    np.testing.assert_allclose(scene.views[0].camera.K[:2], [[70, 0, 62], [0, 72, 40]])

    pixels = np.stack(np.meshgrid(np.arange(120) + 0.5, np.arange(84) + 0.5), axis=-1)
    for image in (scene.views[3].load(), scene.queries[1].load()):
        error = np.abs(255 * image - pattern(pixels)).max(axis=2)
        assert error.max() < 3.5  # bilinear interpolation of waves of 44 px and more, 8 bits
        assert np.abs(pattern(shown) - pattern(pixels)).mean() > 10  # what leaving it in would cost
    (_, defect, *_) = dataset.ground_truth("teacup")
    assert defect.load_mask is not None
    mask, straight, bent = defect.load_mask(), disc(pixels), disc(shown)
    assert mask.dtype == np.bool_
    assert (mask & straight).sum() > 0.9 * (mask | straight).sum()  # its edge of 57 px is rounded twice
    assert (bent & straight).sum() < 0.7 * (bent | straight).sum()
    small = RadDataset(rad_class.parent, image_size=60).task("teacup").fit[0].views[0]
    averaged = scene.views[0].load().reshape(42, 2, 60, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(small.load(), averaged, atol=1e-6)
    np.testing.assert_allclose(small.camera.K[:2], [[35, 0, 31], [0, 36, 20]])


@given(st.floats(-0.2, 0.2), st.floats(-0.05, 0.05), st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_every_pixel_comes_from_where_the_lens_put_it(k1: float, k3: float, p1: float, p2: float) -> None:
    lens = {"k1": k1, "k2": 0.03, "k3": k3, "p1": p1, "p2": p2}
    camera = Intrinsics(30.0, 33.0, 17.0, 12.5, **lens)
    image = np.random.default_rng(0).integers(0, 2, (25, 32)).astype(bool)
    straight = undistort(image, camera)
    colours = undistort(np.repeat(image[..., None], 3, axis=2).astype(np.uint8) * 255, camera)
    for row, column in ((0, 0), (3, 29), (12, 17), (24, 5), (24, 31)):
        x, y = distorted_by_hand((column + 0.5 - 17.0) / 30.0, (row + 0.5 - 12.5) / 33.0, lens)
        left, top = x * 30.0 + 17.0 - 0.5, y * 33.0 + 12.5 - 0.5
        left, top = min(max(left, 0), 31), min(max(top, 0), 24)  # beyond the edge the edge is repeated
        if min(abs(left % 1 - 0.5), abs(top % 1 - 0.5)) > 1e-3:
            assert straight[row, column] == image[round(top), round(left)]
        low, high = (int(top), int(left)), (min(int(top) + 1, 24), min(int(left) + 1, 31))
        below, right = top - low[0], left - low[1]
        upper = (1 - right) * image[low] + right * image[low[0], high[1]]
        lower = (1 - right) * image[high[0], low[1]] + right * image[high]
        assert abs(float(colours[row, column, 0]) - 255 * ((1 - below) * upper + below * lower)) < 0.51


def test_a_mask_that_the_lens_alone_shows_is_a_fault(rad_class: Path) -> None:
    mask = np.zeros((20, 24), dtype=np.uint8)
    mask[0, 0] = 255  # a pixel of a corner that the pinhole camera does not see
    Image.fromarray(mask).save(rad_class / "ground_truth/stained/0_mask.png")
    assert RadDataset(rad_class.parent).check() == []
    update(rad_class, k1=-0.3)
    (fault,) = RadDataset(rad_class.parent).check()
    assert "stained/0_mask.png marks no pixel that is left" in fault


HUGE = 10**400

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "fl_x of 0": ({"fl_x": 0}, "fl_x is 0, it must be a focal length"),
    "fl_x negative": ({"fl_x": -30.0}, "fl_x is -30"),
    "fl_x text": ({"fl_x": "30"}, "fl_x is '30', it must be a number"),
    "fl_x NaN": ({"fl_x": math.nan}, "fl_x is 'nan'"),
    "fl_x too large": ({"fl_x": HUGE}, "fl_x is '1000"),
    "fl_x null": ({"fl_x": None}, "no 'fl_x'"),
    "fl_y a list": ({"fl_y": [31]}, "fl_y is '[31]'"),
    "fl_y infinite": ({"fl_y": math.inf}, "fl_y is 'inf'"),
    "cx outside": ({"cx": 600.0}, "cx is 600, it must lie in the image, between 0 and 24"),
    "cy outside": ({"cy": -1}, "cy is -1"),
    "w of another aspect": ({"w": 640, "h": 480}, "w and h are 640 and 480, the images are 24x20"),
    "w and h exchanged": ({"w": 200, "h": 240, "cx": 100, "cy": 100}, "of another aspect"),
    "w without h": ({"h": None}, "no 'h'"),
    "w of 0": ({"w": 0}, "w and h are 0 and 20"),
    "fisheye": ({"camera_model": "OPENCV_FISHEYE"}, "'OPENCV_FISHEYE' is not supported: undistort the images"),
    "fisheye by flag": ({"is_fisheye": True}, "not supported"),
    "model a list": ({"camera_model": ["OPENCV"]}, "not supported"),
    "k4": ({"k4": 0.01}, "k4 = 0.01 is not supported"),
    "k1 text": ({"k1": "strong"}, "k1 is 'strong'"),
    "distortion that folds": ({"k1": -3.0}, "k1 = -3 it would show some points twice"),
    "distortion too large": ({"k2": 1e308}, "describes no lens"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_intrinsics_that_describe_no_camera_are_refused(rad_class: Path, name: str) -> None:
    values, part = FAULTS[name]
    update(rad_class, **values)
    (fault,) = RadDataset(rad_class.parent).check()
    assert fault.startswith(str(rad_class / "transforms.json"))
    assert part in fault
    assert "\n" not in fault
