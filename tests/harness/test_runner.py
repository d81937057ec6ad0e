"""A unit of work: complete, resumable, refusing what would mix results."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.toy import QUERIES, Events, ToyDataset, toy_plugins
from padbench.errors import UserError
from padbench.hookspecs import hookimpl
from padbench.methods import resolve_method
from padbench.plugins import Plugins
from padbench.progress import SilentProgress
from padbench.runner import Settings, run_unit
from padbench.store import RunFolder, Unit


@pytest.fixture(autouse=True)
def _events() -> None:
    Events.reset()


def run(
    folder: Path,
    *overrides: str,
    limit: int | None = None,
    overwrite: bool = False,
    dataset: Any = None,
    plugins: Plugins | None = None,
    threads: int = 1,
) -> RunFolder:
    plugins = plugins or toy_plugins(folder)
    method = resolve_method(plugins, "toy", "lite", overrides)
    settings = Settings(folder / "runs", "cpu", threads, limit, overwrite, SilentProgress())
    return run_unit(Unit("toys", "toy", "lite", "A", 0), method, dataset or ToyDataset(None), plugins, settings)


def content(run_folder: RunFolder) -> dict[str, Any]:
    """Everything predicted, without times."""
    table = run_folder.predictions()
    files = {
        str(path.relative_to(run_folder.path)): path.read_bytes() for path in sorted(run_folder.path.rglob("*.png"))
    }
    table = table[[column for column in table.columns if not column.startswith("seconds.")]]
    return {"rows": table.to_json(orient="records"), "files": files}


def test_a_complete_unit_holds_every_query_stage_and_file(tmp_path: Path) -> None:
    result = run(tmp_path)
    table = result.predictions()
    assert list(table["id"]) == [f"query_{i}" for i in range(QUERIES)]
    stages = {column for column in table.columns if column.startswith("seconds.")}
    assert stages == {"seconds.coarse", "seconds.refine", "seconds.render", "seconds.detect"}
    assert (table[list(stages)] > 0).all().all()
    assert set(result.info["seconds"]) == {"fit.representation", "fit.pose", "fit.detector"}
    assert result.info["status"] == "done"
    assert result.info["limit"] is None
    assert result.info["queries"] == QUERIES
    assert result.info["warmup_queries"] == 1
    assert result.info["peak_memory_bytes"]["host"] > 0
    assert result.recipe["pose"][1] == {"name": "nudge"}
    assert result.recipe["representation"] == {"name": "mean-view", "gain": 1.0, "iterations": 2}
    for query_id in table["id"]:
        assert (result.path / "maps" / f"{query_id}.png").exists()
        assert (result.path / "renders" / f"{query_id}.png").exists()


def test_rows_hold_what_the_components_said(tmp_path: Path) -> None:
    result = run(tmp_path)
    row = result.predictions().iloc[2]
    assert row["coarse_world_to_camera"][11] == pytest.approx(3.0)
    assert row["world_to_camera"][11] == pytest.approx(3.1)
    anomaly_map = result.anomaly_map(row)
    assert anomaly_map.max() == pytest.approx(row["image_score"], rel=1e-5)
    query = ToyDataset(None).task("A").test[0].queries[2].image().numpy()
    rendering = result.rendering("query_2")
    assert rendering is not None
    expected = abs(query - rendering.transpose(2, 0, 1)).mean(0)
    assert abs(anomaly_map - expected).max() < 1 / 255


def test_warm_up_is_run_and_discarded(tmp_path: Path) -> None:
    run(tmp_path)
    assert sum(entry.startswith("score") for entry in Events.log) == QUERIES + 1


@pytest.mark.parametrize("stop", range(1, QUERIES + 2))
def test_an_interrupted_unit_resumes_to_the_same_predictions(tmp_path: Path, stop: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = content(run(tmp_path / "whole"))
    Events.reset()
    Events.interrupt_at = stop
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    halted = RunFolder(Unit("toys", "toy", "lite", "A", 0).folder(tmp_path / "runs"))
    assert halted.info["status"] == "running"
    before = halted.predictions()
    assert len(before) == max(0, stop - 2)
    Events.reset()
    resumed = run(tmp_path)
    assert content(resumed) == whole
    assert "fit representation" not in Events.log
    seconds = resumed.predictions()["seconds.detect"]
    if len(before):
        assert list(seconds[: len(before)]) == list(before["seconds.detect"])
    assert resumed.info["seconds"]["fit.representation"] == halted.info["seconds"]["fit.representation"]


def test_a_finished_unit_is_not_run_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    Events.reset()
    second = run(tmp_path)
    assert Events.log == []
    assert second.info == first.info


def test_every_failed_write_leaves_a_unit_that_resumes_to_the_same_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    whole = content(run(tmp_path / "whole"))
    real = os.fsync
    failures = 0
    for position in range(1, 200):
        folder = tmp_path / str(position)
        folder.mkdir()
        count = 0

        def full_disk(descriptor: int, position: int = position) -> None:
            nonlocal count
            count += 1
            if count >= position:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", full_disk)
        try:
            run(folder)
        except UserError as error:
            assert "disk is full" in str(error)
            failures += 1
        else:
            break
        finally:
            monkeypatch.setattr(os, "fsync", real)
        assert not list(folder.rglob(".*.tmp")), "a temporary file is left behind"
        assert content(run(folder)) == whole, f"after the failure of write {position}"
    assert failures >= 3 * QUERIES


def test_a_killed_run_resumes(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from harness import toy\n"
        "toy.Events.reset(); score = toy.Difference.score\n"
        "toy.Difference.score = lambda *a: (time.sleep(0.2), score(*a))[1]\n"
        "from harness.test_runner import run; run(Path(sys.argv[1]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment)
    table = Unit("toys", "toy", "lite", "A", 0).folder(tmp_path / "runs") / "predictions.parquet"
    deadline = time.monotonic() + 60
    while not table.exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    rows = len(RunFolder(table.parent).predictions())
    assert 0 < rows < QUERIES
    (tmp_path / "whole").mkdir()
    resumed = run(tmp_path)
    assert "fit representation" not in Events.log
    assert content(resumed) == content(run(tmp_path / "whole"))


def test_a_changed_recipe_is_refused_and_says_what_changed(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(UserError, match=r"representation\.gain 1\.0 -> 2\.0.*--overwrite"):
        run(tmp_path, "representation.gain=2.0")
    assert run(tmp_path, "representation.gain=2.0", overwrite=True).recipe["representation"]["gain"] == 2.0


def test_a_model_that_no_unit_describes_is_not_taken_up(tmp_path: Path) -> None:
    result = run(tmp_path)
    (result.path / "unit.json").unlink()
    Events.reset()
    fresh = run(tmp_path, "representation.gain=2.0")
    assert "fit representation" in Events.log
    (tmp_path / "whole").mkdir()
    assert content(fresh) == content(run(tmp_path / "whole", "representation.gain=2.0"))


def test_changed_data_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    changed = ToyDataset(None)
    changed.version = "2"
    with pytest.raises(UserError, match="different data"):
        run(tmp_path, dataset=changed)


def test_rows_of_different_hardware_are_not_mixed(tmp_path: Path) -> None:
    run(tmp_path, limit=2)
    with pytest.raises(UserError, match=r"hardware \(threads 1 -> 2\)"):
        run(tmp_path, threads=2)


def test_limit_marks_the_unit_and_can_be_completed(tmp_path: Path) -> None:
    partial = run(tmp_path, limit=2)
    assert partial.info["limit"] == 2
    assert len(partial.predictions()) == 2
    complete = run(tmp_path)
    assert complete.info["limit"] is None
    (tmp_path / "whole").mkdir()
    assert content(complete) == content(run(tmp_path / "whole"))
    assert run(tmp_path, limit=2).info["limit"] is None


def test_batch_size_changes_neither_results_nor_completeness(tmp_path: Path) -> None:
    single = content(run(tmp_path))
    (tmp_path / "batched").mkdir()
    assert content(run(tmp_path / "batched", "batch_size=4")) == single
    assert [entry for entry in Events.log if entry.startswith("score")][-2:] == ["score 4", "score 2"]


def test_a_failing_query_is_recorded_and_retried(tmp_path: Path) -> None:
    Events.fail_on = {3}
    result = run(tmp_path)
    table = result.predictions()
    assert len(table) == QUERIES
    failed = table[table["error"].notna()]
    assert list(failed["id"]) == ["query_1"]
    assert failed.iloc[0]["error"] == "RuntimeError: the toy broke"
    assert "the toy broke" in (result.path / "errors.log").read_text()
    Events.reset()
    again = run(tmp_path)
    assert again.predictions()["error"].isna().all()
    assert set(again.predictions()["id"]) == {f"query_{i}" for i in range(QUERIES)}


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    folder = Unit("toys", "toy", "lite", "A", 0).folder(tmp_path / "runs")
    folder.parent.mkdir(parents=True)
    with FileLock(folder.parent / f".{folder.name}.lock"), pytest.raises(UserError, match="in use by another"):
        run(tmp_path)
    run(tmp_path)


def test_an_output_folder_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match=r"runs.*choose another"):
        run(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"no permission.*choose another folder"):
        run(tmp_path)


def test_no_permission_is_one_sentence_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(descriptor: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "fsync", forbidden)
    with pytest.raises(UserError, match=r"no permission.*choose another folder"):
        run(tmp_path)
    assert not list(tmp_path.rglob(".*.tmp"))


def test_a_damaged_unit_json_is_one_sentence(tmp_path: Path) -> None:
    result = run(tmp_path)
    (result.path / "unit.json").write_text('{"schema": 1, ')
    with pytest.raises(UserError, match=r"unit\.json cannot be read.*--overwrite"):
        run(tmp_path)
    shutil.rmtree(result.path)
    run(tmp_path)


def test_observers_see_every_stage_and_cannot_harm_the_run(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Observer:
        @hookimpl
        def padbench_unit_started(self, unit: Unit) -> None:
            seen.append(("started", unit.task))

        @hookimpl
        def padbench_stage_finished(self, stage: str, seconds: float) -> None:
            seen.append((stage, seconds))
            if stage == "render":
                raise RuntimeError("a tracker lost its network")

        @hookimpl
        def padbench_unit_finished(self, result: dict[str, Any]) -> None:
            seen.append(("finished", result["status"]))

    plugins = toy_plugins(tmp_path)
    plugins.manager.register(Observer())
    with pytest.warns(UserWarning, match="a tracker lost its network") as warned:
        result = run(tmp_path, plugins=plugins)
    assert len(warned) == 1
    assert len(result.predictions()) == QUERIES
    names = [name for name, _ in seen]
    assert names[:5] == ["started", "fit.representation", "fit.detector", "fit.pose", "fit.pose"]
    assert names[-1] == "finished"
    for stage in ("coarse", "refine", "render", "detect"):
        assert names.count(stage) == QUERIES
