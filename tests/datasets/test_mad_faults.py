"""Every way a class folder can be damaged: found by `check`, refused in one sentence that names the file."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from padbench.errors import UserError
from padbench_datasets.mad import MadDataset

Plant = Callable[[Path], object]


def removed(name: str) -> Plant:
    def plant(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return plant


def emptied(name: str) -> Plant:
    def plant(folder: Path) -> None:
        shutil.rmtree(folder / name)
        (folder / name).mkdir()

    return plant


def written(name: str, text: str) -> Plant:
    return lambda folder: (folder / name).write_text(text)


def transforms(change: Callable[[dict[str, Any]], object], name: str = "transforms.json") -> Plant:
    def plant(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return plant


def matrix(change: Callable[[np.ndarray[Any, np.dtype[np.float64]]], object]) -> Plant:
    """Change the pose of frame 2."""

    def apply(content: dict[str, Any]) -> None:
        pose = np.array(content["frames"][2]["transform_matrix"])
        change(pose)
        content["frames"][2]["transform_matrix"] = pose.tolist()

    return transforms(apply)


def frame(**values: object) -> Plant:
    return transforms(lambda content: content["frames"][2].update(values))


def true_pose(value: object) -> Plant:
    return transforms(
        lambda content: content["frames"]["good/1.png"].update(transform_matrix=value), name="test_poses.json"
    )


def saved(name: str, width: int, height: int, mode: str = "RGB", value: int = 255) -> Plant:
    return lambda folder: Image.new(mode, (width, height), (value,) * len(mode) if mode == "RGB" else value).save(
        folder / name
    )


def cut(name: str, share: float) -> Plant:
    def plant(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return plant


def flipped(name: str) -> Plant:
    """Change one byte in the middle of the compressed pixels."""

    def plant(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 0x10
        (folder / name).write_bytes(content)

    return plant


def copied(source: str, target: str) -> Plant:
    def plant(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / source, folder / target)

    return plant


def without_defects(folder: Path) -> None:
    for kind in ("Burrs", "Stains"):
        shutil.rmtree(folder / "test" / kind)


def folder_instead_of_file(folder: Path) -> None:
    (folder / "train/good/1.png").unlink()
    (folder / "train/good/1.png").mkdir()


def linked_to_itself(name: str) -> Plant:
    def plant(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(folder / name)

    return plant


def duplicate_ids(folder: Path) -> None:
    """`a/b_0.png` and `a_b/0.png` would both be query a_b_0."""
    (folder / "test_poses.json").unlink()
    for kind, stem in (("a", "b_0"), ("a_b", "0")):
        copied("test/Burrs/0.png", f"test/{kind}/{stem}.png")(folder)
        copied("ground_truth/Burrs/0_mask.png", f"ground_truth/{kind}/{stem}_mask.png")(folder)


# name -> damage, what the sentence must name
STRUCTURE: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "no train": (removed("train"), ("train/good", "missing")),
    "no train/good": (removed("train/good"), ("train/good", "missing")),
    "empty train/good": (emptied("train/good"), ("train/good", "no PNG")),
    "no transforms": (removed("transforms.json"), ("transforms.json", "missing")),
    "transforms cut off": (cut("transforms.json", 0.5), ("transforms.json", "not valid JSON")),
    "transforms not text": (
        lambda folder: (folder / "transforms.json").write_bytes(b"\xff\xfe\x00"),
        ("transforms.json", "not valid JSON"),
    ),
    "transforms a list": (written("transforms.json", "[]"), ("transforms.json", "no JSON object")),
    "no angle": (transforms(lambda content: content.pop("camera_angle_x")), ("transforms.json", "'camera_angle_x'")),
    "angle in degrees": (transforms(lambda content: content.update(camera_angle_x=39.6)), ("camera_angle_x is 39.6",)),
    "angle NaN": (transforms(lambda content: content.update(camera_angle_x=float("nan"))), ("camera_angle_x is nan",)),
    "angle text": (transforms(lambda content: content.update(camera_angle_x="0.7")), ("camera_angle_x is '0.7'",)),
    "no frames": (transforms(lambda content: content.pop("frames")), ("transforms.json", "'frames'")),
    "frames empty": (transforms(lambda content: content.update(frames=[])), ("transforms.json", "'frames'")),
    "frame a number": (transforms(lambda content: content["frames"].append(7)), ("frame 4", "'file_path'")),
    "frame without path": (transforms(lambda c: c["frames"][2].pop("file_path")), ("frame 2", "'file_path'")),
    "frame without pose": (
        transforms(lambda c: c["frames"][2].pop("transform_matrix")),
        ("frame 2", "train/good/2.png"),
    ),
    "frame of no file": (frame(file_path="train/good/77.png"), ("frame 2", "train/good/77.png")),
    "frame of a test image": (frame(file_path="test/good/0.png"), ("frame 2", "test/good/0.png")),
    "frame repeated": (frame(file_path="train/good/1.png"), ("frame 2", "repeats 'train/good/1.png'")),
    "missing frame": (transforms(lambda content: content["frames"].pop(2)), ("train/good/2.png", "no frame")),
    "missing image": (removed("train/good/2.png"), ("frame 2", "train/good/2.png")),
    "pose NaN": (matrix(lambda pose: pose.__setitem__((0, 3), np.nan)), ("frame 2", "train/good/2.png", "nan")),
    "pose infinite": (matrix(lambda pose: pose.__setitem__((1, 1), np.inf)), ("frame 2", "inf")),
    "pose scaled": (matrix(lambda pose: pose[:3, :3].__imul__(1.01)), ("frame 2", "not a rotation")),
    "pose sheared": (matrix(lambda pose: pose.__setitem__((0, 0), pose[0, 0] + 0.1)), ("frame 2", "not a rotation")),
    "pose zero": (matrix(lambda pose: pose[:3, :3].fill(0)), ("frame 2", "not a rotation")),
    "pose mirrored": (matrix(lambda pose: pose[:, 0].__imul__(-1)), ("frame 2", "mirroring")),
    "pose last row": (matrix(lambda pose: pose[3].__setitem__(0, 1)), ("frame 2", "[0, 0, 0, 1]")),
    "pose 3x4": (
        transforms(lambda content: content["frames"][2]["transform_matrix"].pop()),
        ("frame 2", "(3, 4)"),
    ),
    "pose ragged": (frame(transform_matrix=[[1, 2], [3]]), ("frame 2", "not a matrix of numbers")),
    "pose of text": (frame(transform_matrix="unity"), ("frame 2", "not a matrix of numbers")),
    "pose too large": (frame(transform_matrix=[[10**400] * 4] * 4), ("frame 2", "not a matrix of numbers")),
    "no test": (removed("test"), ("01Brick/test", "missing")),
    "no good test images": (removed("test/good"), ("test/good", "missing")),
    "good test folder empty": (emptied("test/good"), ("test/good", "no PNG")),
    "defect folder empty": (emptied("test/Burrs"), ("test/Burrs", "no PNG")),
    "no defect type": (
        without_defects,
        ("01Brick/test", "no folder of a defect type"),
    ),
    "no ground truth": (removed("ground_truth"), ("ground_truth", "missing")),
    "no mask": (removed("ground_truth/Burrs/1_mask.png"), ("ground_truth/Burrs/1_mask.png", "test/Burrs/1.png")),
    "mask without image": (removed("test/Burrs/1.png"), ("ground_truth/Burrs/1_mask.png", "no image")),
    "mask of another size": (
        saved("ground_truth/Burrs/1_mask.png", 24, 24, "L"),
        ("ground_truth/Burrs/1_mask.png is 24x24", "Burrs/1.png is 24x20"),
    ),
    "view of another size": (saved("train/good/3.png", 30, 20), ("train/good/3.png is 30x20", "24x20")),
    "test image of another size": (saved("test/good/0.png", 24, 24), ("test/good/0.png is 24x24", "24x20")),
    "view cut off": (cut("train/good/1.png", 0.6), ("train/good/1.png", "damaged")),
    "test image cut off": (cut("test/Stains/0.png", 0.95), ("test/Stains/0.png", "damaged")),
    "mask cut off": (cut("ground_truth/Stains/0_mask.png", 0.8), ("ground_truth/Stains/0_mask.png", "damaged")),
    "view empty": (cut("train/good/1.png", 0), ("train/good/1.png", "damaged")),
    "view no image": (written("train/good/1.png", "not found"), ("train/good/1.png", "damaged")),
    "view of 16 bits": (saved("train/good/1.png", 24, 20, "I;16"), ("train/good/1.png", "I;16")),
    "view a folder": (
        folder_instead_of_file,
        ("train/good/1.png", "directory"),
    ),
    "view a link to nothing": (linked_to_itself("train/good/1.png"), ("train/good/1.png", "cannot be read")),
    "image of another format": (
        lambda folder: (folder / "test/good/0.png").rename(folder / "test/good/0.jpg"),
        ("test/good/0.jpg", "not a PNG"),
    ),
    "ids that clash": (duplicate_ids, ("test/a_b/0.png", "'a_b_0'")),
    "true poses cut off": (cut("test_poses.json", 0.5), ("test_poses.json", "not valid JSON")),
    "true poses without frames": (written("test_poses.json", "{}"), ("test_poses.json", "'frames'")),
    "true pose missing": (
        transforms(lambda content: content["frames"].pop("Burrs/1.png"), name="test_poses.json"),
        ("test/Burrs/1.png", "test_poses.json"),
    ),
    "true pose of no image": (
        transforms(lambda c: c["frames"].update({"good/9.png": c["frames"]["good/0.png"]}), name="test_poses.json"),
        ("test_poses.json", "'good/9.png'"),
    ),
    "true pose no rotation": (true_pose((2 * np.eye(4)).tolist()), ("test_poses.json", "'good/1.png'")),
}

# Found when the pixels are read: damage, what the sentence must name.
PIXELS: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "changed byte in a view": (flipped("train/good/1.png"), ("train/good/1.png", "damaged")),
    "changed byte in a test image": (flipped("test/Burrs/1.png"), ("test/Burrs/1.png", "damaged")),
    "changed byte in a mask": (flipped("ground_truth/Burrs/1_mask.png"), ("ground_truth/Burrs/1_mask.png", "damaged")),
    "empty mask": (
        saved("ground_truth/Burrs/1_mask.png", 24, 20, "L", 0),
        ("ground_truth/Burrs/1_mask.png", "marks no pixel"),
    ),
    "faint mask": (
        saved("ground_truth/Burrs/1_mask.png", 24, 20, "L", 1),
        ("ground_truth/Burrs/1_mask.png", "marks no pixel"),
    ),
}


def read_everything(dataset: MadDataset) -> None:
    task = dataset.task("01Brick")
    for view in task.fit[0].views:
        view.load()
    for query in task.test[0].queries:
        query.load()
    for known in dataset.ground_truth("01Brick"):
        assert known.load_mask is not None
        known.load_mask()


def assert_names(sentence: str, parts: tuple[str, ...]) -> None:
    assert "\n" not in sentence
    for part in parts:
        assert part in sentence


def test_an_intact_class_has_no_fault(mad_class: Path) -> None:
    dataset = MadDataset(mad_class.parent)
    assert dataset.check() == []
    read_everything(dataset)


@pytest.mark.parametrize("name", STRUCTURE)
def test_structural_damage_is_refused_before_anything_is_fitted(mad_class: Path, name: str) -> None:
    plant, parts = STRUCTURE[name]
    plant(mad_class)
    dataset = MadDataset(mad_class.parent)
    assert any(all(part in fault for part in parts) for fault in dataset.check())
    for read in (dataset.task, dataset.ground_truth, dataset.data_hash):
        with pytest.raises(UserError) as caught:
            read("01Brick")
        assert_names(str(caught.value), (str(mad_class),))
    first = str(caught.value)
    if len(dataset.check()) == 1:
        assert_names(first, parts)
    else:
        assert f"padbench data check {mad_class.parent} --as mad" in first


@pytest.mark.parametrize("name", PIXELS)
def test_damaged_pixels_are_refused_when_they_are_read(mad_class: Path, name: str) -> None:
    plant, parts = PIXELS[name]
    plant(mad_class)
    dataset = MadDataset(mad_class.parent)
    (fault,) = dataset.check()
    assert_names(fault, (str(mad_class), *parts))
    with pytest.raises(UserError) as caught:
        read_everything(dataset)
    assert str(caught.value) == fault


def test_an_image_that_changes_after_the_task_was_read_is_refused(mad_class: Path) -> None:
    task = MadDataset(mad_class.parent).task("01Brick")
    saved("train/good/0.png", 48, 40)(mad_class)
    with pytest.raises(UserError, match=r"train/good/0\.png is 48x40, expected 24x20"):
        task.fit[0].views[0].load()


def test_check_lists_all_faults_of_all_classes(mad_class: Path, write_mad_class: Callable[[Path], Path]) -> None:
    other = write_mad_class(mad_class.parent / "02Brick")
    planted = ("missing frame", "pose NaN", "no mask", "view cut off", "empty mask", "true pose no rotation")
    expected = []
    for name in planted:
        plant, parts = {**STRUCTURE, **PIXELS}[name]
        if name == "missing frame":
            plant = transforms(lambda content: content["frames"].pop(3))
            parts = ("train/good/3.png", "no frame")
        if name == "no mask":
            plant, parts = removed("ground_truth/Stains/0_mask.png"), ("ground_truth/Stains/0_mask.png",)
        plant(mad_class)
        expected.append((str(mad_class), *parts))
    removed("transforms.json")(other)
    expected.append((str(other), "transforms.json"))
    faults = MadDataset(mad_class.parent).check()
    assert len(faults) == len(expected)
    for parts in expected:
        assert sum(all(part in fault for part in parts) for fault in faults) == 1


@contextmanager
def without_privileges() -> Iterator[None]:
    """Act as a user whom permissions bind; root reads everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "name", ["transforms.json", "train/good/1.png", "ground_truth/Burrs/0_mask.png", "test", "test/good", "train", "."]
)
def test_what_may_not_be_read_is_named(write_mad_class: Callable[[Path], Path], name: str) -> None:
    root = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        folder = write_mad_class(root / "01Brick")
        root.chmod(0o755)
        (folder / name).chmod(0)
        with without_privileges(), pytest.raises(UserError) as caught:
            MadDataset(root).task("01Brick")
        (folder / name).chmod(0o755)
    finally:
        shutil.rmtree(root)
    assert_names(str(caught.value), (str(folder / name), "permission denied"))
