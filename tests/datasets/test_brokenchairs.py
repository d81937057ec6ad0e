"""BrokenChairs' layout: what is read of a whole folder, and the one sentence for each way it can be damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from datasets.chair_folder import BOX, SIZE, SPLIT, TARGET, write_chairs
from padbench.cli.data import command
from padbench.errors import UserError
from padbench_datasets.brokenchairs import BrokenChairsDataset
from padbench_datasets.chair_index import chair_index
from padbench_datasets.chair_names import Orbit, parse_query
from padbench_datasets.poses import opencv_world_to_camera


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "indices"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_chairs(tmp_path / "chairs")


def test_training_shapes_have_labels_and_test_shapes_have_queries(root: Path) -> None:
    task = BrokenChairsDataset(root).task("chair")
    assert [scene.name for scene in task.fit] == ["11", "12"]
    assert [scene.name for scene in task.test] == ["31"]
    labelled = task.fit[0].labelled
    assert [image.defect for image in labelled] == [None, None, "missing", "swapped"]
    assert not task.fit[0].queries
    assert not task.test[0].labelled
    assert len(task.test[0].queries) == 4
    assert labelled[0].image().shape == (3, SIZE, SIZE)


def test_boxes_and_cameras_follow_the_size_of_the_images(root: Path) -> None:
    scene = BrokenChairsDataset(root, image_size=SIZE // 2).task("chair").fit[0]
    image, view = scene.labelled[2], scene.views[0]
    assert image.box == tuple(number / 2 for number in BOX)
    assert image.camera is not None
    assert view.image().shape == (3, SIZE // 2, SIZE // 2)
    np.testing.assert_allclose(image.camera.K, view.camera.K)
    np.testing.assert_allclose(view.camera.K[:2], np.array([[44.375, 0, 16], [0, 44.375, 16]]))


def test_the_truth_of_a_query_has_box_mask_and_pose(root: Path) -> None:
    truth = BrokenChairsDataset(root).ground_truth("chair")
    anomalous = {item.defect: item for item in truth if item.anomalous}
    assert set(anomalous) == {"missing", "swapped"}
    for item in truth:
        name = parse_query(f"render_{item.query_id}")
        assert name is not None and item.world_to_camera is not None and item.load_mask is not None
        expected = opencv_world_to_camera(name.orbit.camera_to_world(TARGET))
        np.testing.assert_allclose(item.world_to_camera, expected, atol=1e-6)
        assert item.load_mask().any() == item.anomalous
        assert item.box == (tuple(BOX) if item.anomalous else None)


def test_the_pose_of_a_normal_query_is_unknown_where_views_contradict_their_names(root: Path) -> None:
    for path in (root / "shapes" / "shape_31" / "mv_images").glob("*.json"):
        content = json.loads(path.read_text())
        content["RT_"] = Orbit(3, 77, 20).camera_to_world(TARGET).tolist()
        path.write_text(json.dumps(content))
    truth = BrokenChairsDataset(root).ground_truth("chair")
    assert {item.anomalous for item in truth if item.world_to_camera is not None} == {True}


def test_an_orbiting_camera_has_its_target_in_the_middle() -> None:
    pose = Orbit(2.5, 310, -12).camera_to_world(TARGET)
    seen = opencv_world_to_camera(pose) @ [*TARGET, 1]
    np.testing.assert_allclose(seen[:2], 0, atol=1e-12)
    assert seen[2] > 0
    assert np.linalg.norm(pose[:3, 3]) == pytest.approx(2.5)


def test_the_index_lists_a_folder_again_when_its_time_has_changed(root: Path) -> None:
    first = chair_index(root)
    folder = root / "images" / "shape_12"
    modified = folder.stat().st_mtime_ns
    (folder / "render_12_7_2.0_0_0_0_normal.png").write_bytes(b"")
    os.utime(folder, ns=(modified, modified))
    assert chair_index(root) == first
    os.utime(folder, ns=(1, 1))
    assert len(chair_index(root).images["12"]) == len(first.images["12"]) + 1


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "folders": []}'])
def test_a_damaged_cache_is_built_anew(root: Path, cache: Path, damage: bytes) -> None:
    first = chair_index(root)
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    assert chair_index(root) == first


def test_a_cache_that_cannot_be_written_is_done_without(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = chair_index(root)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "file" / "home"))
    assert chair_index(root) == first


def test_the_hash_follows_every_file(root: Path) -> None:
    before = BrokenChairsDataset(root).data_hash("chair")
    assert BrokenChairsDataset(root).data_hash("chair") == before
    view = next((root / "shapes" / "shape_31" / "mv_images").glob("*.json"))
    view.write_text(view.read_text() + "\n")
    assert BrokenChairsDataset(root).data_hash("chair") != before


def test_an_intact_folder_has_no_faults(root: Path) -> None:
    assert BrokenChairsDataset(root).check() == []


def _edit(pattern: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = next(root.glob(pattern))
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def _clear(pattern: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        for path in list(root.glob(pattern)):
            path.unlink()

    return damage


def _write(pattern: str, content: bytes) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        next(root.glob(pattern)).write_bytes(content)

    return damage


def _remove(folder: str) -> Callable[[Path], None]:
    return lambda root: shutil.rmtree(root / folder)


DAMAGES = {
    "no folder of views": (_remove("shapes/shape_31/mv_images"), "shape '31' has no reference views"),
    "no folder of images": (_remove("images/shape_31"), "has no image of shape '31'"),
    "unknown shape": (_edit("split.json", lambda split: split.update(test=["31", "99"])), "has no image of shape '99'"),
    "split cut off": (_write("split.json", b'{"train": ["11"'), "split.json is not valid JSON"),
    "split of a list": (_write("split.json", b"[]"), "split.json holds no JSON object"),
    "annotation cut off": (_write("annotations/shape_31/info*missing*", b'{"2d_bbox": ['), "is not valid JSON"),
    "annotation in other letters": (_write("annotations/shape_31/info*missing*", b"\xff\xfe\x00"), "is not valid JSON"),
    "camera cut off": (_write("shapes/shape_31/mv_images/*.json", b'{"K": [[1'), "is not valid JSON"),
    "camera of numbers": (_write("shapes/shape_31/mv_images/*.json", b"3"), "holds no JSON object"),
    "box without extent": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"2d_bbox": [5, 5, 0, 8]})),
        "is not inside the image of 64x64",
    ),
    "box beyond all numbers": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"2d_bbox": [10**400, 0, 30, 8]})),
        "is not x, y, width and height",
    ),
    "size of nothing": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"image_size": [0, 64]})),
        "is not a width and a height",
    ),
    "pose of a query": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"camera_parameters": {"RT_": [[1]]}})),
        "RT_ has shape",
    ),
    "no views": (_clear("shapes/shape_31/mv_images/*.png"), "no reference views"),
    "no image": (_clear("images/shape_31/*.png"), "has no image of shape '31'"),
    "box outside": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"2d_bbox": [50, 0, 30, 8]})),
        "is not inside the image of 64x64",
    ),
    "box of words": (
        _edit("annotations/shape_31/info*missing*", lambda info: info.update({"2d_bbox": ["a", 0, 30, 8]})),
        "is not x, y, width and height",
    ),
    "no annotation": (_clear("annotations/shape_31/info*missing*"), "is missing"),
    "overlap": (_edit("split.json", lambda split: split.update(train=["11", "31"])), "under train and test"),
    "twice": (_edit("split.json", lambda split: split.update(train=["11", "11"])), "twice under train"),
    "numbers": (_edit("split.json", lambda split: split.update(test=[31])), "no list of shape ids"),
    "empty": (_edit("split.json", lambda split: split.update(test=[])), "lists no shape under test"),
    "no camera": (_edit("shapes/shape_31/mv_images/*.json", lambda camera: camera.pop("K")), "K None is not"),
    "mirrored": (
        _edit(
            "shapes/shape_31/mv_images/*.json",
            lambda camera: camera.update(RT_=np.diag([-1.0, 1.0, 1.0, 1.0]).tolist()),
        ),
        "is a mirroring",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_in_a_sentence(root: Path, damage: str) -> None:
    harm, expected = DAMAGES[damage]
    harm(root)
    with pytest.raises(UserError, match=expected):
        dataset = BrokenChairsDataset(root)
        for scene in dataset.task("chair").test:
            list(scene.views)
        dataset.ground_truth("chair")
    assert any(expected in fault for fault in BrokenChairsDataset(root).check())


def test_a_name_that_says_nothing_is_a_fault(root: Path) -> None:
    (root / "images" / "shape_31" / "chair.png").write_bytes(b"")
    assert "chair.png" in BrokenChairsDataset(root).check()[0]


def test_every_fault_is_listed_once(root: Path) -> None:
    for name in ("overlap", "no image"):
        DAMAGES[name][0](root)
    (fault,) = BrokenChairsDataset(root).check()
    assert "under train and test" in fault
    (root / "split.json").write_text(json.dumps(SPLIT))
    (root / "images" / "shape_11").rename(root / "images" / ".shape_11")
    damaged = {
        min(root.glob("images/shape_12/*.png")): b"",
        next(root.glob("annotations/shape_12/mask*.png")): b"no image",
        next(root.glob("shapes/shape_21/mv_images/*.png")): b"\x89PNG",
        next(root.glob("shapes/shape_21/mv_images/*.npy")): b"",
    }
    for path, content in damaged.items():
        path.write_bytes(content)
    Image.new("RGB", (SIZE, SIZE + 1)).save(view := sorted(root.glob("shapes/shape_12/mv_images/*.png"))[-1])
    faults = BrokenChairsDataset(root).check()
    for name in (*map(str, damaged), str(view), "shape '11'", "shape '31'"):
        assert sum(name in fault for fault in faults) == 1
    assert len(faults) == 7


def test_the_command_lists_faults_and_calls_nothing_intact(root: Path) -> None:
    intact = CliRunner().invoke(command, ["check", str(root), "--as", "brokenchairs"])
    assert (intact.exit_code, intact.stdout) == (
        0,
        f"{root}: no faults; 1 of 1 classes are intact, with 21 images\n",
    )
    mask = next(root.glob("annotations/shape_12/mask*.png"))
    mask.write_bytes(b"")
    result = CliRunner().invoke(command, ["check", str(root), "--as", "brokenchairs"])
    assert result.exit_code == 2
    fault, summary = result.stdout.splitlines()
    assert fault.startswith(str(mask))
    assert summary == f"{root}: 1 fault; 0 of 1 classes are intact, with 0 images"


def test_the_command_counts_shapes_and_labelled_images(root: Path) -> None:
    result = CliRunner().invoke(command, ["info", "brokenchairs", "--data", str(root)])
    assert result.exit_code == 0
    assert "chair: fitted on 2 objects with 8 labelled images, tested on 1" in result.stdout
    as_json = CliRunner().invoke(command, ["info", "brokenchairs", "--data", str(root), "--json"])
    (described,) = json.loads(as_json.stdout)["classes"]
    assert (described["views"], described["normal"], described["true_poses"]) == (6, 2, True)
    assert described["defects"] == {"missing": 1, "swapped": 1}


@pytest.mark.parametrize("member", ["images", "annotations", "shapes", "split.json"])
def test_a_missing_part_is_named(root: Path, member: str) -> None:
    (root / member).rename(root / "elsewhere")
    with pytest.raises(UserError, match=f"{member} is missing"):
        BrokenChairsDataset(root)


def test_an_unknown_class_is_told_the_one_there_is(root: Path) -> None:
    dataset = BrokenChairsDataset(root)
    for ask in (dataset.task, dataset.ground_truth, dataset.data_hash):
        with pytest.raises(UserError, match="no class 'chairs': did you mean 'chair'"):
            ask("chairs")


def test_an_image_size_of_nothing_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match="image size 0"):
        BrokenChairsDataset(root, image_size=0)
