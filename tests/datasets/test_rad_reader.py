"""What RAD does otherwise than MAD: views without a pose, paths of another machine, releases without masks, names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from padbench.cli.data import command
from padbench.errors import UserError
from padbench.interfaces import HasCategories
from padbench_datasets.mad import MadDataset
from padbench_datasets.rad import CATEGORIES, RadDataset

WriteClass = Callable[[Path], Path]


def change(folder: Path, apply: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "transforms.json"
    content = json.loads(path.read_text())
    apply(content)
    path.write_text(json.dumps(content))


def rename_frames(folder: Path, pattern: str) -> None:
    def apply(content: dict[str, Any]) -> None:
        for index, frame in enumerate(content["frames"]):
            frame["file_path"] = pattern.format(index)

    change(folder, apply)


def named_frame(value: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["frames"][2].update(file_path=value)


def test_an_intact_class_is_read(rad_class: Path) -> None:
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    (scene,) = dataset.task("teacup").test
    assert [view.name for view in scene.views] == ["0", "1", "2", "3"]
    expected = ["good_0", "scratched_0", "stained_0", "good_1", "scratched_1"]
    assert [query.id for query in scene.queries] == expected
    assert all(known.world_to_camera is not None for known in dataset.ground_truth("teacup"))


@pytest.mark.parametrize(
    "pattern",
    [
        "./train/good/{}.png",
        "train/good/{}",
        "images/{}.png",
        "{}.png",
        "{}",
        "../../colmap/images/{}.png",
        "/home/someone/colmap/images/{}.png",
        "C:\\scans\\images\\{}.png",
    ],
)
def test_frames_are_found_by_file_name_where_their_folder_is_not_there(rad_class: Path, pattern: str) -> None:
    before = RadDataset(rad_class.parent).task("teacup").fit[0].views
    rename_frames(rad_class, pattern)
    change(rad_class, lambda content: content["frames"].reverse())
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    after = dataset.task("teacup").fit[0].views
    assert [view.name for view in after] == [view.name for view in before]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old.camera.world_to_camera, new.camera.world_to_camera)
        np.testing.assert_array_equal(old.load(), new.load())


def test_views_that_colmap_did_not_register_are_left_out(rad_class: Path) -> None:
    change(rad_class, lambda content: content["frames"].pop(1))
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    assert [view.name for view in dataset.task("teacup").fit[0].views] == ["0", "2", "3"]
    assert any("no frame" in fault for fault in MadDataset(rad_class.parent).check())


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "frame of no file": (named_frame("images/77.png"), "frame 2 names 'images/77.png'"),
    "frame of a test image": (named_frame("test/good/0.png"), "frame 2 names 'test/good/0.png'"),
    "frame repeated under another path": (named_frame("images/1.png"), "frame 2 repeats 'images/1.png'"),
    "path with a null character": (named_frame("images\0/x.png"), "frame 2 names"),
    "path too long": (named_frame("a/" + "b" * 5000 + "/2.png"), "too long"),
    "frame with a camera of its own": (
        lambda content: content["frames"][3].update(fl_x=17.0),
        "frame 3 (train/good/3.png) has its own 'fl_x'",
    ),
    "pose NaN": (lambda content: content["frames"][1]["transform_matrix"][0].__setitem__(3, float("nan")), "frame 1"),
    "no frames": (lambda content: content.update(frames=[]), "'frames'"),
    "no intrinsics": (lambda content: content.pop("fl_x"), "neither 'fl_x' nor 'camera_angle_x'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_hostile_transforms_file_is_refused(rad_class: Path, name: str) -> None:
    apply, part = FAULTS[name]
    change(rad_class, apply)
    dataset = RadDataset(rad_class.parent)
    (fault,) = dataset.check()
    assert part in fault
    assert str(rad_class) in fault
    with pytest.raises(UserError, match=r"^[^\n]*$") as caught:
        dataset.task("teacup")
    assert str(caught.value) == fault


def test_a_release_without_poses_says_how_to_get_them(rad_class: Path) -> None:
    (rad_class / "transforms.json").unlink()
    (fault,) = RadDataset(rad_class.parent).check()
    assert fault.startswith(f"{rad_class / 'transforms.json'} is missing")
    assert "estimate the poses of train/good with COLMAP" in fault


def test_a_release_without_masks_has_no_pixel_ground_truth(rad_class: Path, write_rad_class: WriteClass) -> None:
    other = write_rad_class(rad_class.parent / "teapot")
    for folder in (rad_class, other):
        shutil.rmtree(folder / "ground_truth")
    (other / "ground_truth").mkdir()
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    for name in ("teacup", "teapot"):
        truth = dataset.ground_truth(name)
        assert [known.load_mask for known in truth] == [None] * 5
        assert [known.defect for known in truth] == [None, "scratched", "stained", None, "scratched"]


def test_a_mask_that_is_missing_in_a_release_with_masks_is_a_fault(
    rad_class: Path, write_rad_class: WriteClass
) -> None:
    other = write_rad_class(rad_class.parent / "teapot")
    (rad_class / "ground_truth/scratched/1_mask.png").unlink()
    (fault,) = RadDataset(rad_class.parent).check()
    assert fault.startswith(str(rad_class / "ground_truth/scratched/1_mask.png"))
    shutil.rmtree(rad_class / "ground_truth")
    (fault,) = RadDataset(rad_class.parent).check()
    assert fault.startswith(str(rad_class / "ground_truth"))
    shutil.rmtree(other)
    assert RadDataset(rad_class.parent).check() == []


def test_masks_may_be_named_as_their_images(rad_class: Path) -> None:
    expected = [known.load_mask and known.load_mask() for known in RadDataset(rad_class.parent).ground_truth("teacup")]
    for path in rad_class.glob("ground_truth/*/*_mask.png"):
        path.rename(path.with_name(path.name.replace("_mask", "")))
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    for known, mask in zip(dataset.ground_truth("teacup"), expected, strict=True):
        assert known.load_mask is not None
        np.testing.assert_array_equal(known.load_mask(), mask)


def test_images_may_be_jpeg_under_any_frame_suffix(rad_class: Path) -> None:
    for path in [*rad_class.glob("train/good/*.png"), *rad_class.glob("test/*/*.png")]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".JPG"), format="JPEG")
        path.unlink()
    (rad_class / "test_poses.json").unlink()
    rename_frames(rad_class, "train/good/{}.JPG")
    dataset = RadDataset(rad_class.parent)
    assert dataset.check() == []
    (scene,) = dataset.task("teacup").test
    assert scene.views[0].load().shape == (20, 24, 3)
    assert len(scene.queries) == 5
    (rad_class / "train/good/1.JPG").write_bytes((rad_class / "train/good/1.JPG").read_bytes()[:300])
    assert [fault for fault in dataset.check() if "train/good/1.JPG is damaged" in fault]


def test_two_images_of_one_number_are_a_fault(rad_class: Path) -> None:
    with Image.open(rad_class / "train/good/1.png") as image:
        image.save(rad_class / "train/good/1.jpg")
    change(rad_class, lambda c: c["frames"].append(c["frames"][1] | {"file_path": "train/good/1.jpg"}))
    (fault,) = RadDataset(rad_class.parent).check()
    assert "has the same id '1'" in fault


def test_the_table_has_18_objects_of_13_categories() -> None:
    assert len(CATEGORIES) == 18
    assert len(set(CATEGORIES.values())) == 13
    assert all(folder.startswith(category) for folder, category in CATEGORIES.items())


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("cup2_upright3", "box"), tuple(CATEGORIES)),
        (("box",), tuple(CATEGORIES)),
        (("cup2", "bowl", "box"), tuple(dict.fromkeys(CATEGORIES.values()))),
        (("teacup", "saucer"), ("saucer", "teacup")),
    ],
)
def test_both_releases_and_other_folders_are_accepted(
    tmp_path: Path, write_rad_class: WriteClass, folders: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    for name in folders:
        write_rad_class(tmp_path / name)
    dataset = RadDataset(tmp_path)
    assert tuple(dataset.classes()) == expected
    assert [dataset.task(name).name for name in folders] == list(folders)
    faults = dataset.check()
    assert len(faults) == len(set(expected) - set(folders))
    assert all("is missing: restore this class of rad" in fault for fault in faults)


def test_a_folder_of_the_other_release_is_reported(tmp_path: Path, write_rad_class: WriteClass) -> None:
    for name in (*CATEGORIES, "cup2"):
        write_rad_class(tmp_path / name)
    (fault,) = RadDataset(tmp_path).check()
    assert fault == f"{tmp_path / 'cup2'} is no class of rad: move it to another folder"


def test_the_command_line_reads_rad(rad_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def data(*arguments: str) -> Any:
        return CliRunner().invoke(command, arguments)

    root = str(rad_class.parent)
    intact = data("check", root, "--as", "rad")
    assert intact.exit_code == 0
    assert intact.stdout == f"{root}: no faults; 1 of 1 classes are intact, with 9 images\n"
    (described,) = json.loads(data("info", "rad", "--data", root, "--json").stdout)["classes"]
    assert (described["views"], described["defects"]) == (4, {"scratched": 2, "stained": 1})
    change(rad_class, lambda content: content.update(k1=-9))
    damaged = data("check", root, "--as", "rad")
    assert damaged.exit_code == 2
    assert "describes no lens" in damaged.stdout
    assert "1 fault; 0 of 1 classes are intact" in damaged.stdout
    monkeypatch.setenv("PADBENCH_DATA", str(tmp_path / "nowhere"))
    sentence = str(data("info", "rad").exception)
    assert "`padbench data download rad`" in sentence
    assert str(tmp_path / "nowhere/rad") in sentence


def test_the_eighteen_objects_have_thirteen_categories(tmp_path: Path, write_rad_class: WriteClass) -> None:
    for name in CATEGORIES:
        write_rad_class(tmp_path / "objects" / name)
    categories = RadDataset(tmp_path / "objects").categories()
    assert isinstance(RadDataset(tmp_path / "objects"), HasCategories)
    assert len(categories) == 18 and len(set(categories.values())) == 13
    assert categories["cup2_upright3"] == "cup2" and categories["can"] == "can"
    write_rad_class(tmp_path / "other" / "duckreal")
    assert RadDataset(tmp_path / "other").categories() == {"duckreal": "duckreal"}
