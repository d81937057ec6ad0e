"""Names and JSON files of BrokenChairs: whatever they hold, they are read as stated or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from padbench.errors import UserError
from padbench_datasets.chair_annotations import SPLITS, read_annotation, read_reference_camera, read_split
from padbench_datasets.chair_names import DEFECTS, parse_query, parse_view

SIZE = (64, 48)

words = some.text("abcXYZ0189.-", min_size=1, max_size=8)
json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "file.json"


@given(
    shape=words,
    texture=words,
    light=words,
    radius=some.floats(0.01, 99).map(lambda number: round(number, 2)),
    azimuth=some.integers(-360, 720),
    elevation=some.integers(-89, 89),
    defect=some.sampled_from([None, *DEFECTS]),
    part=some.sampled_from(["", "_leg", "_arm_r_post"]),
)
def test_a_name_is_read_as_it_was_written(
    shape: str,
    texture: str,
    light: str,
    radius: float,
    azimuth: int,
    elevation: int,
    defect: str | None,
    part: str,
) -> None:
    pose = f"{radius:.2f}_{azimuth}_{elevation}"
    rest = f"{shape}_{texture}_{pose}_{light}_{'normal' if defect is None else f'anomaly_{defect}{part}'}"
    found = parse_query(f"render_{rest}")
    assert found is not None
    assert (found.rest, found.shape, found.defect) == (rest, shape, defect)
    assert (found.orbit.radius, found.orbit.azimuth, found.orbit.elevation) == (radius, azimuth, elevation)
    assert parse_view(f"{shape}_{pose}") == found.orbit


@given(text=some.text(max_size=40) | some.from_regex(r"render_1_2_-?\d+_\d+_-?\d+_3_normal", fullmatch=True))
def test_every_name_is_refused_or_gives_a_camera(text: str) -> None:
    query = parse_query(text)
    for orbit in (parse_view(text), query.orbit if query else None):
        if orbit is not None:
            assert np.isfinite(orbit.camera_to_world(np.zeros(3))).all()


@pytest.mark.parametrize(
    "name",
    [
        "render_1_2_2.0_0_90_3_normal",
        "render_1_2_0_0_20_3_normal",
        "render_1_2_-2_0_20_3_normal",
        "render_1_2_2.0_0_20_3_anomaly_burnt_leg",
        "render_1_2_2.0_0_20_3_anomaly",
        "render_1_2_2.0_0_20_normal",
        "chair_1_2_2.0_0_20_3_normal",
    ],
)
def test_names_that_say_nothing_are_refused(name: str) -> None:
    assert parse_query(name) is None


@given(content=some.dictionaries(some.sampled_from(SPLITS), some.lists(some.sampled_from("abcd"), max_size=3)))
def test_a_split_is_read_where_it_is_one(file: Path, content: dict[str, list[str]]) -> None:
    file.write_text(json.dumps(content))
    ids = [shape for shapes in content.values() for shape in shapes]
    if {"train", "test"} <= set(content) and len(set(ids)) == len(ids):
        assert read_split(file) == {name: content.get(name, []) for name in SPLITS}
    else:
        with pytest.raises(UserError, match=r"file\.json"):
            read_split(file)


@given(content=some.dictionaries(some.sampled_from(SPLITS), json_values) | json_values)
def test_any_other_split_is_refused(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))
    try:
        found = read_split(file)
    except UserError as error:
        assert "file.json" in str(error)
    else:
        assert all(isinstance(shape, str) for shapes in found.values() for shape in shapes)


@given(box=some.lists(some.integers(-9, 70), min_size=4, max_size=4), scale=some.sampled_from([1, 2]))
def test_a_box_is_read_where_it_is_inside_of_the_image(file: Path, box: list[int], scale: int) -> None:
    width, height = SIZE
    x, y, across, down = box
    file.write_text(
        json.dumps({"2d_bbox": [number * scale for number in box], "image_size": [width * scale, height * scale]})
    )
    inside = x >= 0 and y >= 0 and across > 0 and down > 0 and x + across <= width and y + down <= height
    if inside:
        assert read_annotation(file, SIZE).box == tuple(box)
    else:
        with pytest.raises(UserError, match="is not inside the image"):
            read_annotation(file, SIZE)


def test_the_boxes_of_the_release_refer_to_512_pixels(file: Path) -> None:
    file.write_text(json.dumps({"2d_bbox": [128, 256, 64, 256]}))
    assert read_annotation(file, (256, 256)).box == (64, 128, 32, 128)


@given(content=some.fixed_dictionaries({"2d_bbox": json_values, "image_size": json_values}) | json_values)
def test_any_other_annotation_is_refused(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))
    try:
        found = read_annotation(file, SIZE)
    except UserError as error:
        assert "file.json" in str(error)
    else:
        assert np.isfinite(found.box).all()


@given(content=some.fixed_dictionaries({"K": json_values, "RT_": some.just(np.eye(4).tolist())}) | json_values)
def test_any_other_camera_is_refused(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))
    try:
        found = read_reference_camera(file)
    except UserError as error:
        assert "file.json" in str(error)
    else:
        assert found.K.shape == (3, 3)
