"""Attributes of objects against accuracy: published for MAD, computed for others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata

from leaderboard.unit_folders import CLASSES, write_unit
from padbench.cli.leaderboard import command
from padbench.leaderboard.attributes import AttributeData, attribute_data, attributes_of_views, rank_correlation
from padbench.leaderboard.board import Board
from padbench.plugins import load_plugins
from padbench.store import find_runs

MAD = ("01Gorilla", "02Unicorn", "03Mallard", "04Turtle", "13Pheonix")
COMPLEXITY = (65.79, 57.9, 24.53, 100.0, 29.49)
CONTRAST = (73.45, 35.71, 49.22, 41.84, 66.15)
CATEGORIES = {CLASSES[0]: "toy", CLASSES[1]: "toy"}
PUBLISHED = Path(__file__).parents[2] / "leaderboards" / "published" / "object_attributes.csv"


def _data(folder: Path) -> AttributeData:
    (data,) = attribute_data(find_runs([folder]))
    return data


def _board(data: AttributeData, kind: str) -> Board:
    (board,) = [board for board in data.boards if board.kind == kind]
    return board


def _write_mad(
    folder: Path, accuracies: tuple[float, ...], method: str = "alpha", classes: tuple[str, ...] = MAD
) -> None:
    for task, accuracy in zip(classes, accuracies, strict=True):
        write_unit(folder, task, method, dataset="mad", classes=classes, image_auroc=accuracy)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=20))
def test_the_correlation_is_pearsons_of_the_ranks(pairs: list[tuple[int, int]]) -> None:
    x, y = ([float(value) for value in side] for side in zip(*pairs, strict=True))
    found = rank_correlation(x, y)
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert found is None
    else:
        assert found is not None and found.n == len(pairs)
        assert found.rho == pytest.approx(pearsonr(rankdata(x), rankdata(y)).statistic)
        assert 0 <= found.p <= 1


def test_published_attributes_need_no_data_set(tmp_path: Path) -> None:
    """The data set of these runs does not exist; the papers' names are matched to folders."""
    _write_mad(tmp_path, (0.7, 0.8, 0.9, 0.6, 0.85))
    board = _board(_data(tmp_path), "attributes")
    (section,) = board.sections
    assert [row.labels["class"] for row in section.rows] == list(MAD)
    assert [row.values["shape_complexity"].value for row in section.rows] == list(COMPLEXITY)
    assert [row.values["colour_contrast"].value for row in section.rows] == list(CONTRAST)
    assert {row.labels["source"] for row in section.rows} == {"published: pad, README 3.2"}
    assert board.remarks[0].startswith("as published: shape complexity is the number of triangles")


def test_a_method_that_complex_objects_make_worse_has_rho_minus_one(tmp_path: Path) -> None:
    _write_mad(tmp_path, tuple(1 - complexity / 200 for complexity in COMPLEXITY))
    _write_mad(tmp_path, tuple(0.5 + complexity / 300 for complexity in COMPLEXITY), "beta")
    board = _board(_data(tmp_path), "attribute correlations")
    (section,) = board.sections
    rows = {row.labels["method"]: row.values for row in section.rows}
    assert rows["alpha"]["shape_complexity_image_auroc_rho"].value == pytest.approx(-1)
    assert rows["beta"]["shape_complexity_image_auroc_rho"].value == pytest.approx(1)
    assert rows["alpha"]["shape_complexity_image_auroc_n"].value == 5
    # Of the 120 orders of five classes, one and its reverse correlate as much.
    assert rows["alpha"]["shape_complexity_image_auroc_p"].value == pytest.approx(2 / 120)
    expected = pearsonr(rankdata(CONTRAST), rankdata(COMPLEXITY)).statistic
    assert rows["beta"]["colour_contrast_image_auroc_rho"].value == pytest.approx(expected)
    # Every class has the same pixel AUROC: there is nothing to rank.
    assert "shape_complexity_pixel_auroc_rho" not in rows["alpha"]


def test_fewer_than_four_classes_have_no_correlation(tmp_path: Path) -> None:
    _write_mad(tmp_path, (0.9, 0.8, 0.7), classes=MAD[:3])
    assert [board.kind for board in _data(tmp_path).boards] == ["attributes"]


def test_partial_results_are_no_dots(tmp_path: Path) -> None:
    _write_mad(tmp_path, (0.7, 0.8, 0.9, 0.6, 0.85))
    write_unit(tmp_path, MAD[0], "beta", dataset="mad", classes=MAD, partial=True)
    data = _data(tmp_path)
    assert {point.method for point in data.points} == {"alpha"}
    dots = [
        (point.name, point.attribute_value, round(point.accuracy, 6))
        for point in data.points
        if (point.attribute, point.metric) == ("shape_complexity", "image_auroc")
    ]
    assert dots == list(zip(MAD, COMPLEXITY, (70.0, 80.0, 90.0, 60.0, 85.0), strict=True))


def test_other_sets_are_computed_from_their_normal_views(tmp_path: Path) -> None:
    """On bricks, for all methods at once; objects of one category share a row, their mean."""
    dataset = load_plugins().resolve("dataset", "bricks")(None, image_size=256)
    expected = []
    for task in CLASSES[:2]:
        shared = {"root": Path(str(dataset.root)), "data": dataset.data_hash(task), "categories": CATEGORIES}
        write_unit(tmp_path, task, "alpha", **shared)
        write_unit(tmp_path, task, "beta", protocol="pad", **shared)
        expected.append(attributes_of_views([view.load() for view in dataset.task(task).test[0].views[::5]]))
    (section,) = _board(_data(tmp_path), "attributes").sections
    (row,) = section.rows
    assert (row.labels["class"], row.labels["source"]) == ("toy", "computed")
    for name, value in row.values.items():
        assert value.value == pytest.approx((expected[0][name] + expected[1][name]) / 2, rel=0.1), "other views"
    assert row.values["shape_complexity"].value > 1.2 and row.values["colour_contrast"].value > 5


def test_photographs_of_rooms_have_no_attributes() -> None:
    rooms = [np.random.default_rng(seed).random((32, 32, 3), dtype=np.float32) for seed in range(3)]
    assert attributes_of_views(rooms) == {}
    assert attributes_of_views([]) == {}


def test_every_published_class_of_mad_is_known(tmp_path: Path) -> None:
    """Twenty folders in MAD's numbering: each row of the CSV is found under its own number."""
    rows = list(csv.DictReader(PUBLISHED.open()))
    folders = tuple(f"{int(row['category_number']):02}{row['category'].capitalize()}" for row in rows)
    _write_mad(tmp_path, tuple(0.5 + index / 50 for index in range(len(folders))), classes=folders)
    (section,) = _board(_data(tmp_path), "attributes").sections
    assert {row.labels["class"]: row.values["shape_complexity"].value for row in section.rows} == {
        folder: float(row["shape_complexity"]) for folder, row in zip(folders, rows, strict=True)
    }


def test_the_command_line_adds_them_on_demand(tmp_path: Path) -> None:
    _write_mad(tmp_path, (0.7, 0.8, 0.9, 0.6, 0.85))

    def kinds(*options: str) -> set[str]:
        result = CliRunner().invoke(command, [str(tmp_path), "--json", *options], standalone_mode=False)
        return {board["kind"] for board in json.loads(result.output)["boards"]}

    assert kinds("--attributes") - kinds() == {"attributes", "attribute correlations"}
    for output in ("table", "md", "csv", "latex"):
        result = CliRunner().invoke(command, [str(tmp_path), "--attributes", "--format", output], standalone_mode=False)
        assert result.exception is None and "65.8" in result.output.replace("65.79", "65.8")
