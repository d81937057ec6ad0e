"""`padbench data`: what a person and a script see."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from padbench.cli.data import command
from padbench.errors import UserError


def data(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_info_counts_the_images() -> None:
    result = data("info", "bricks", "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert {Path(path).name for path in content["licence_and_readme"]} == {"ATTRIBUTION.txt", "LICENSE", "README.md"}
    assert [described["class"] for described in content["classes"]] == ["01Duck", "02Truck", "03Cat"]
    assert content["classes"][1] == {
        "class": "02Truck",
        "views": 105,
        "normal": 9,
        "defects": {"Burrs": 7, "Missing": 7, "Stains": 7},
        "size": [256, 256],
        "true_poses": True,
        "fit_objects": 1,
        "test_objects": 1,
        "labelled": 0,
        "fault": None,
    }


def test_info_shows_a_table_and_what_is_damaged(mad_class: Path) -> None:
    shutil.copytree(mad_class, mad_class.parent / "02Broken")
    (mad_class.parent / "02Broken" / "transforms.json").unlink()
    (mad_class / "test_poses.json").unlink()
    (mad_class / "license").write_text("CC BY")
    result = data("info", "mad", "--data", mad_class.parent)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    (row,) = (line.split() for line in lines if line.strip().startswith("01Brick "))
    assert row == ["01Brick", "4", "2", "2", "Burrs,", "1", "Stains", "24x20", "unknown"]
    assert any("02Broken" in line and "missing or damaged" in line for line in lines)
    assert f"02Broken: {mad_class.parent / '02Broken' / 'transforms.json'} is missing" in result.stdout
    assert "01Brick/license" in result.stdout


def test_check_accepts_an_intact_folder(mad_class: Path) -> None:
    result = data("check", mad_class.parent, "--as", "mad")
    assert result.exit_code == 0
    assert result.stdout == f"{mad_class.parent}: no faults; 1 of 1 classes are intact, with 9 images\n"


def test_check_lists_every_fault_and_what_is_fine(mad_class: Path) -> None:
    shutil.copytree(mad_class, mad_class.parent / "01BrickB")
    for name in ("ground_truth/Stains/0_mask.png", "train/good/0.png"):
        (mad_class / name).write_bytes(b"")
    result = data("check", mad_class.parent, "--as", "mad")
    assert result.exit_code == 2
    *faults, summary = result.stdout.splitlines()
    assert len(faults) == 2
    for name in ("ground_truth/Stains/0_mask.png", "train/good/0.png"):
        assert sum(fault.startswith(str(mad_class / name)) for fault in faults) == 1
    assert summary == f"{mad_class.parent}: 2 faults; 1 of 2 classes are intact, with 9 images"
    as_json = data("check", mad_class.parent, "--as", "mad", "--json")
    assert as_json.exit_code == 2
    content = json.loads(as_json.stdout)
    assert content["faults"] == faults
    assert (content["classes"], content["intact"]) == (2, {"01BrickB": 9})


def test_damaged_pixels_keep_a_class_from_being_called_intact(mad_class: Path) -> None:
    mask = mad_class / "ground_truth/Burrs/0_mask.png"
    content = bytearray(mask.read_bytes())
    content[-20] ^= 1
    mask.write_bytes(content)
    result = data("check", mad_class.parent, "--as", "mad")
    assert result.exit_code == 2
    assert "1 fault; 0 of 1 classes are intact, with 0 images" in result.stdout


def test_what_is_made_is_not_downloaded() -> None:
    result = data("download", "chairs")
    assert isinstance(result.exception, UserError)
    assert "padbench data make chairs" in str(result.exception)


def test_what_cannot_be_made_says_so(tmp_path: Path) -> None:
    result = data("make", "mad", "--data", tmp_path)
    assert isinstance(result.exception, UserError)
    assert "padbench data download mad" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_download_of_what_is_there_says_where() -> None:
    result = data("download", "bricks")
    assert result.exit_code == 0
    assert "bricks is already at " in result.stdout


@pytest.mark.parametrize(
    "arguments", [("info", "brick"), ("download", "brick"), ("make", "brick"), ("check", ".", "--as", "brick")]
)
def test_an_unknown_data_set_names_the_nearest(arguments: tuple[str, ...]) -> None:
    result = data(*arguments)
    assert isinstance(result.exception, UserError)
    assert "did you mean 'bricks'?" in str(result.exception)


def test_registering_the_data_sets_imports_nothing_heavy() -> None:
    heavy = ("torch", "PIL", "scipy", "trimesh")
    code = f"import sys, padbench_datasets; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
