"""`padbench leaderboard --write`: the boards as files to commit, from complete runs only."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leaderboard.unit_folders import CLASSES, HARDWARE, write_unit
from padbench.cli.leaderboard import command
from padbench.errors import UserError

FILES = {"accuracy.csv", "pose.csv", "timing.csv", "pareto.csv", "boards.json", "README.md", "provenance.json"}
POSE = {"rotation_deg_median": 0.5, "success_1deg": 0.75, "coarse": {"rotation_deg_median": 6.0}}


def _runs(folder: Path) -> Path:
    """Two methods and a variant, complete on all classes."""
    for task in CLASSES:
        write_unit(folder, task, "alpha", metrics={"pose": POSE}, deviations=("the bundled matcher",))
        write_unit(folder, task, "beta", image_auroc=0.8, recipe="recipe-2", seed=1)
        write_unit(folder, task, "alpha without MPS", image_auroc=0.7, recipe="recipe-3", variant_of="alpha")
    return folder


def _write(*arguments: str | Path) -> Any:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_runs_give_the_same_files_wherever_they_lie(tmp_path: Path) -> None:
    """Regenerated from unit folders, in another place and another order, byte for byte."""
    first = _write(_runs(tmp_path / "here"), "--write", tmp_path / "first")
    assert first.exception is None
    assert {Path(line).name for line in first.output.splitlines()} == FILES
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here" / "bricks").rename(tmp_path / "elsewhere" / "bricks")
    folders = [tmp_path / "elsewhere" / "bricks" / name for name in ("beta", "alpha without MPS", "alpha")]
    assert _write(*folders, "--write", tmp_path / "second").exception is None
    assert _contents(tmp_path / "first") == _contents(tmp_path / "second")
    assert set(_contents(tmp_path / "first")) == {f"bricks/{name}" for name in FILES}
    assert _write(*folders, "--write", tmp_path / "second").exception is None
    assert _contents(tmp_path / "first") == _contents(tmp_path / "second")


def test_the_files_hold_the_boards_and_where_they_come_from(tmp_path: Path) -> None:
    """Figures in CSV, the boards with deviations in Markdown, one entry of provenance per unit."""
    _write(_runs(tmp_path / "runs"), "--write", tmp_path / "measured")
    folder = tmp_path / "measured" / "bricks"
    accuracy = list(csv.DictReader((folder / "accuracy.csv").open()))
    means = {row["method"]: row for row in accuracy if (row["class"], row["metric"]) == ("mean", "image_auroc")}
    assert {name: float(row["value"]) for name, row in means.items()} == pytest.approx(
        {"alpha": 90.0, "beta": 80.0, "alpha without MPS": 70.0}
    )
    assert {name: row["place"] for name, row in means.items()} == {"alpha": "1", "beta": "2", "alpha without MPS": "3"}
    timing = {row["metric"] for row in csv.DictReader((folder / "timing.csv").open())}
    assert timing >= {"seconds_coarse", "seconds_refine", "seconds_without_coarse", "seconds_fit_representation"}
    assert {row["board"] for row in csv.DictReader((folder / "pose.csv").open())} == {"pose"}
    readme = (folder / "README.md").read_text()
    for part in ("# Measured on bricks", "## Accuracy on bricks", "- the bundled matcher", "## Time on bricks"):
        assert part in readme
    provenance = json.loads((folder / "provenance.json").read_text())
    assert len(provenance["units"]) == 9
    assert len(provenance["environments"]) == 1
    assert provenance["environments"][0]["hardware"] == HARDWARE
    assert provenance["environments"][0]["libraries"]["torch"] == "2.9.0"
    (unit,) = [unit for unit in provenance["units"] if (unit["method"], unit["task"]) == ("beta", "02Truck")]
    assert (unit["seed"], unit["profile"], unit["environment"]) == (1, "lite", 0)
    assert unit["hashes"] == {"recipe": "recipe-2", "data": "data of 02Truck", "code": "code-1"}
    assert unit["weights"] == {"alpha.pth": "5af3"}
    assert unit["started"] < unit["ended"]
    assert provenance["recipes"]["recipe-3"]["variant"] == {"label": "alpha without MPS", "set": ["pose.1.mps=false"]}


def test_machines_that_differ_are_told_apart(tmp_path: Path) -> None:
    """Two thread counts: two environments, two sections of times."""
    for threads, method in ((1, "alpha"), (2, "beta")):
        for task in CLASSES:
            write_unit(tmp_path / "runs", task, method, hardware=HARDWARE | {"threads": threads})
    _write(tmp_path / "runs", "--write", tmp_path / "measured")
    provenance = json.loads((tmp_path / "measured" / "bricks" / "provenance.json").read_text())
    of_method = {unit["method"]: provenance["environments"][unit["environment"]] for unit in provenance["units"]}
    assert {name: environment["hardware"]["threads"] for name, environment in of_method.items()} == {
        "alpha": 1,
        "beta": 2,
    }


def test_no_folder_and_no_host_is_named(tmp_path: Path) -> None:
    """Neither where the runs and the data lie, nor what else a later version writes into unit.json."""
    runs = _runs(tmp_path / "runs")
    for file in runs.rglob("unit.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"host": "planted-host"}))
    _write(runs, "--write", tmp_path / "measured")
    text = b"\n".join(_contents(tmp_path / "measured").values()).decode()
    assert str(tmp_path) not in text and str(tmp_path / "runs" / "data") in (next(runs.rglob("unit.json"))).read_text()
    assert "planted-host" not in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"partial": True}, "is partial"),
        ({"evaluated": False}, "not evaluated: padbench evaluate"),
        ({"status": "running", "evaluated": False}, "not finished"),
        ({"status": "failed", "evaluated": False}, "failed: "),
    ],
)
def test_nothing_is_written_of_runs_that_are_not_complete(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    """One sentence that names the run; boards of an earlier call stay as they were."""
    runs = _runs(tmp_path / "runs")
    _write(runs, "--write", tmp_path / "measured")
    before = _contents(tmp_path / "measured")
    write_unit(runs, CLASSES[0], "gamma", image_auroc=1.0, **change)
    result = _write(runs, "--write", tmp_path / "measured")
    assert isinstance(result.exception, UserError)
    assert sentence in str(result.exception)
    assert str(runs / "bricks" / "gamma" / "lite" / CLASSES[0] / "seed0") in str(result.exception)
    assert _contents(tmp_path / "measured") == before
    assert isinstance(_write(runs, "--write", tmp_path / "new").exception, UserError)
    assert not (tmp_path / "new").exists()


def test_a_unit_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two would stand on the board?"""
    for name in ("a", "b"):
        write_unit(tmp_path / name, CLASSES[0])
    result = _write(tmp_path / "a", tmp_path / "b", "--write", tmp_path / "measured")
    assert isinstance(result.exception, UserError)
    assert "hold the same unit" in str(result.exception)
    assert not (tmp_path / "measured").exists()
    assert _write(tmp_path / "a", tmp_path / "a", "--write", tmp_path / "measured").exception is None


def test_a_missing_class_is_shown_as_missing(tmp_path: Path) -> None:
    """No mean without it."""
    for task in CLASSES[:2]:
        write_unit(tmp_path / "runs", task)
    _write(tmp_path / "runs", "--write", tmp_path / "measured")
    rows = list(csv.DictReader((tmp_path / "measured" / "bricks" / "accuracy.csv").open()))
    (mean,) = [row for row in rows if row["class"] == "mean"]
    assert (mean["status"], mean["value"]) == ("missing: 03Cat", "")


def test_boards_that_are_no_more_are_deleted(tmp_path: Path) -> None:
    """Where the same units have no poses any more, no pose.csv of an earlier call remains; files of others do."""
    for task in CLASSES:
        write_unit(tmp_path / "runs", task, metrics={"pose": POSE})
        write_unit(tmp_path / "poseless", task)
    _write(tmp_path / "runs", "--write", tmp_path / "measured")
    folder = tmp_path / "measured" / "bricks"
    assert (folder / "pose.csv").exists()
    (folder / "note.txt").write_text("mine")
    assert _write(tmp_path / "poseless", "--write", tmp_path / "measured").exception is None
    assert {path.name for path in folder.iterdir()} == (FILES - {"pose.csv", "pareto.csv"}) | {"note.txt"}


def test_rows_do_not_vanish_because_a_run_was_not_named(tmp_path: Path) -> None:
    """Neither by a folder that was left out nor by a filter; the boards stay as they were."""
    runs = _runs(tmp_path / "runs")
    _write(runs, "--write", tmp_path / "measured")
    before = _contents(tmp_path / "measured")
    for arguments, sentence in (
        ((runs / "bricks" / "alpha",), "which is not among the runs"),
        ((runs, "--method", "alpha"), "leave --method"),
        ((runs, "--device", "cpu"), "leave --method"),
    ):
        result = _write(*arguments, "--write", tmp_path / "measured")
        assert isinstance(result.exception, UserError) and sentence in str(result.exception)
        assert _contents(tmp_path / "measured") == before


def test_a_data_set_may_be_chosen_and_formats_may_not(tmp_path: Path) -> None:
    """--dataset writes one folder; --published and --format contradict --write."""
    for dataset in ("bricks", "mad"):
        write_unit(tmp_path / "runs", CLASSES[0], dataset=dataset)
    _write(tmp_path / "runs", "--write", tmp_path / "one", "--dataset", "mad")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["mad"]
    _write(tmp_path / "runs", "--write", tmp_path / "both")
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["bricks", "mad"]
    for option in (("--published",), ("--format", "md")):
        result = _write(tmp_path / "runs", "--write", tmp_path / "none", *option)
        assert isinstance(result.exception, UserError)
    assert not (tmp_path / "none").exists()
