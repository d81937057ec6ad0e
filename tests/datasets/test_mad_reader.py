"""The MAD reader through its public interface: classes, order, the wall before the ground truth, hashes, places."""

from __future__ import annotations

import dataclasses
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from padbench.datasets import open_dataset
from padbench.errors import MissingData, UserError
from padbench.plugins import load_plugins
from padbench.scene import GroundTruth, Query, Scene, Task
from padbench_datasets.embedded import BricksDataset
from padbench_datasets.mad import PUBLISHED_CLASSES, MadDataset

WriteClass = Callable[[Path], Path]


@pytest.fixture(scope="module")
def bricks() -> BricksDataset:
    return BricksDataset(None)


def test_bricks_is_complete_and_intact(bricks: BricksDataset) -> None:
    assert bricks.classes() == ("01Duck", "02Truck", "03Cat")
    assert bricks.check() == []
    for name in bricks.classes():
        (scene,) = bricks.task(name).test
        assert (len(scene.views), len(scene.queries)) == (105, 30)


def test_queries_alternate_defect_types_in_numeric_order(bricks: BricksDataset) -> None:
    (scene,) = bricks.task("01Duck").test
    ids = [query.id for query in scene.queries]
    assert ids[:6] == ["good_0", "Burrs_0", "Missing_0", "Stains_0", "good_1", "Burrs_1"]
    assert ids[-2:] == ["good_7", "good_8"]
    assert len(set(ids)) == len(ids)
    assert all((Path("runs") / f"{id_}.png").name == f"{id_}.png" for id_ in ids)
    assert [view.name for view in scene.views] == [str(index) for index in range(105)]


def test_ground_truth_matches_the_files(bricks: BricksDataset) -> None:
    queries = bricks.task("02Truck").test[0].queries
    truth = bricks.ground_truth("02Truck")
    assert [known.query_id for known in truth] == [query.id for query in queries]
    for known in truth:
        kind, number = known.query_id.split("_")
        assert known.defect == (None if kind == "good" else kind)
        assert known.load_mask is not None
        mask = known.load_mask()
        assert mask.dtype == np.bool_
        if known.defect is None:
            assert mask.shape == (256, 256)
            assert not mask.any()
        else:
            with Image.open(bricks.root / "02Truck" / "ground_truth" / kind / f"{number}_mask.png") as stored:
                np.testing.assert_array_equal(mask, np.asarray(stored) == 255)


def test_masks_keep_their_size_when_images_are_resized(mad_class: Path) -> None:
    dataset = MadDataset(mad_class.parent, image_size=12)
    assert dataset.task("01Brick").test[0].queries[1].load().shape == (10, 12, 3)
    mask = dataset.ground_truth("01Brick")[1].load_mask
    assert mask is not None
    assert mask().shape == (20, 24)


def test_a_task_gives_no_way_to_the_ground_truth(bricks: BricksDataset) -> None:
    task = bricks.task("01Duck")

    def parts(value: object) -> list[object]:
        found = [value]
        if dataclasses.is_dataclass(value):
            for entry in dataclasses.fields(value):
                found += parts(getattr(value, entry.name))
        elif isinstance(value, (tuple, list)):
            for item in value:
                found += parts(item)
        return found

    everything = parts(task)
    assert any(isinstance(part, Query) for part in everything)
    assert not any(isinstance(part, GroundTruth) for part in everything)
    assert [entry.name for entry in dataclasses.fields(Query)] == ["id", "load"]
    true_poses = [known.world_to_camera for known in bricks.ground_truth("01Duck")]
    matrices = [part for part in everything if isinstance(part, np.ndarray) and part.shape == (4, 4)]
    assert len(matrices) == 2 * 105
    assert not any(np.array_equal(pose, matrix) for pose in true_poses if pose is not None for matrix in matrices)


def test_fit_and_test_are_the_same_scene(bricks: BricksDataset) -> None:
    task = bricks.task("03Cat")
    assert isinstance(task, Task)
    assert task.fit == task.test
    assert isinstance(task.fit[0], Scene)
    assert task.fit[0].without_queries().queries == ()


def test_a_task_can_be_sent_to_another_process(mad_class: Path) -> None:
    task = MadDataset(mad_class.parent).task("01Brick")
    copy = pickle.loads(pickle.dumps(task))
    np.testing.assert_array_equal(copy.test[0].queries[0].load(), task.test[0].queries[0].load())


def test_numbers_sort_by_value_and_true_poses_are_optional(mad_class: Path) -> None:
    (mad_class / "test_poses.json").unlink()
    for number in (10, 9, 100):
        shutil.copy(mad_class / "test/good/0.png", mad_class / f"test/good/{number}.png")
    dataset = MadDataset(mad_class.parent)
    ids = [query.id for query in dataset.task("01Brick").test[0].queries]
    assert ids == ["good_0", "Burrs_0", "Stains_0", "good_1", "Burrs_1", "good_9", "good_10", "good_100"]
    assert all(known.world_to_camera is None for known in dataset.ground_truth("01Brick"))


def test_classes_are_the_published_ones_where_any_is_on_disk(tmp_path: Path, write_mad_class: WriteClass) -> None:
    write_mad_class(tmp_path / "13Pheonix")
    dataset = MadDataset(tmp_path)
    assert dataset.classes() == PUBLISHED_CLASSES
    assert len(set(PUBLISHED_CLASSES)) == 20
    assert dataset.task("13Pheonix").name == "13Pheonix"
    with pytest.raises(UserError, match="07Owl is missing"):
        dataset.task("07Owl")
    faults = dataset.check()
    assert len(faults) == 19
    assert all("13Pheonix" not in fault for fault in faults)


def test_a_folder_that_is_no_class_of_mad_is_reported_beside_published_classes(
    tmp_path: Path, write_mad_class: WriteClass
) -> None:
    for name in (*PUBLISHED_CLASSES, "21Dragon"):
        write_mad_class(tmp_path / name)
    (fault,) = MadDataset(tmp_path).check()
    assert "21Dragon" in fault
    with pytest.raises(UserError, match="21Dragon"):
        MadDataset(tmp_path).task("21Dragon")


def test_folders_without_a_class_are_passed_over(mad_class: Path) -> None:
    (mad_class.parent / "__MACOSX").mkdir()
    (mad_class.parent / ".cache" / "train").mkdir(parents=True)
    assert MadDataset(mad_class.parent).classes() == ("01Brick",)


def test_an_unknown_class_names_the_nearest(bricks: BricksDataset) -> None:
    with pytest.raises(UserError, match=r"'01Dack'.*did you mean '01Duck'"):
        bricks.task("01Dack")


@pytest.mark.parametrize("size", [0, -3])
def test_an_image_size_without_pixels_is_refused(mad_class: Path, size: int) -> None:
    with pytest.raises(UserError, match=f"image size {size}"):
        MadDataset(mad_class.parent, image_size=size)


def test_a_missing_data_set_says_what_is_expected_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingData) as caught:
        open_dataset(load_plugins(), "mad", tmp_path / "nowhere")
    sentence = str(caught.value)
    assert str(tmp_path / "nowhere") in sentence
    for part in ("transforms.json", "train/good", "test/good", "ground_truth", "--data", "padbench data download mad"):
        assert part in sentence


def test_a_folder_one_level_too_high_names_the_right_one(mad_class: Path) -> None:
    with pytest.raises(UserError, match=f"name {mad_class.parent} with --data"):
        MadDataset(mad_class.parent.parent)


def test_a_data_root_holds_data_sets_in_subfolders(
    tmp_path: Path, write_mad_class: WriteClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mad_class(tmp_path / "mad" / "01Brick")
    assert MadDataset(tmp_path).root == MadDataset(tmp_path / "mad").root == tmp_path / "mad"
    monkeypatch.setenv("PADBENCH_DATA", str(tmp_path))
    assert MadDataset(None).classes() == ("01Brick",)
    assert BricksDataset(None).classes() == ("01Duck", "02Truck", "03Cat")
    monkeypatch.delenv("PADBENCH_DATA")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_mad_class(tmp_path / "home/.cache/padbench/data/mad/01Default")
    assert MadDataset(None).classes() == ("01Default",)


def test_bricks_can_be_read_from_a_given_folder(mad_class: Path) -> None:
    assert BricksDataset(mad_class.parent).classes() == ("01Brick",)


@pytest.mark.parametrize(
    "name",
    [
        "train/good/1.png",
        "test/good/1.png",
        "test/Burrs/0.png",
        "ground_truth/Stains/0_mask.png",
        "transforms.json",
        "test_poses.json",
    ],
)
def test_the_hash_covers_every_file_that_can_change_a_result(mad_class: Path, name: str) -> None:
    before = MadDataset(mad_class.parent).data_hash("01Brick")
    file = mad_class / name
    if file.suffix == ".json":
        content = json.loads(file.read_text())
        content["note"] = "changed"
        file.write_text(json.dumps(content))
    else:
        with Image.open(file) as image:
            pixels = np.array(image)
        pixels[-1, -1] = 255 - pixels[-1, -1]
        Image.fromarray(pixels).save(file)
    assert MadDataset(mad_class.parent).data_hash("01Brick") != before


def test_the_hash_covers_names_and_nothing_beside_the_data(mad_class: Path, tmp_path: Path) -> None:
    before = MadDataset(mad_class.parent).data_hash("01Brick")
    (mad_class / "readme").write_text("about")
    (mad_class / "test" / "good" / ".DS_Store").write_text("")
    moved = tmp_path / "elsewhere" / "01Brick"
    shutil.copytree(mad_class, moved)
    assert MadDataset(moved.parent, image_size=8).data_hash("01Brick") == before
    (mad_class / "test_poses.json").unlink()
    before = MadDataset(mad_class.parent).data_hash("01Brick")
    (mad_class / "test" / "good" / "1.png").rename(mad_class / "test" / "good" / "2.png")
    assert MadDataset(mad_class.parent).data_hash("01Brick") != before
