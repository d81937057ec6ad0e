"""The command line as a user meets it: bad input is one sentence and exit code 2, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import padbench_datasets
from harness.test_plugins import padbench
from harness.test_readme import install_example
from padbench.store import RunFolder

BRICKS = Path(padbench_datasets.__file__).parent / "bricks"
RUN = ("run", "--method", "nearest-view", "--dataset", "mad", "--profile", "lite")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on the path in which the README's example plugin is installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    install_example(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two small classes in MAD's layout."""
    folder = tmp_path / "data"
    for name in ("01Duck", "03Cat"):
        shutil.copytree(BRICKS / name, folder / name)
        for path in folder.rglob("test/*/[3-9].png"):
            path.unlink()
        for path in folder.rglob("ground_truth/*/[3-9]_mask.png"):
            path.unlink()
        poses = folder / name / "test_poses.json"
        content = json.loads(poses.read_text())
        content["frames"] = {key: value for key, value in content["frames"].items() if key[-5] in "012"}
        poses.write_text(json.dumps(content))
    return folder


def assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    sentences = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1, result.stderr
    for part in parts:
        assert part in sentences[0]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--method", "igspat", "--dataset", "bricks"), ("'igspat'", "'igspad'")),
        (("--method", "igspad", "--dataset", "brick"), ("'brick'", "'bricks'")),
        (("--method", "igspad", "--dataset", "bricks", "--classes", "01Duk"), ("'01Duk'", "'01Duck'")),
        (("--method", "igspad", "--dataset", "bricks", "--set", "pose.1.step=3"), ("'step'", "'steps'")),
        (("--method", "igspad", "--dataset", "bricks", "--set", "detector.name=feature-cosin"), ("'feature-cosine'",)),
        (("--method", "igspad", "--dataset", "bricks", "--device", "cuda"), ("no CUDA device", "--device cpu")),
        (("--method", "igspad", "--dataset", "mad", "--data", "absent"), ("absent", "padbench data download mad")),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    out = tmp_path / "runs"
    result = padbench(tmp_path, "run", *arguments, "--out", str(out))
    assert_one_sentence(result, *parts)
    assert not out.exists()


def test_a_missing_weight_file_is_named_before_anything_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    arguments = ("--method", "igspad", "--dataset", "bricks", "--profile", "paper", "--device", "cpu")
    result = padbench(tmp_path, "run", *arguments, "--out", str(tmp_path / "runs"))
    assert_one_sentence(result, "sam_vit_b_01ec64.pth", "lite")
    assert not (tmp_path / "runs").exists()


def test_a_weight_file_with_a_wrong_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    weights = tmp_path / "home" / "weights"
    weights.mkdir(parents=True)
    (weights / "sam_vit_b_01ec64.pth").write_bytes(b"an HTML page instead of a file")
    arguments = ("--method", "igspad", "--dataset", "bricks", "--profile", "paper", "--device", "cpu")
    result = padbench(tmp_path, "run", *arguments, "--out", str(tmp_path / "runs"))
    assert_one_sentence(result, "sam_vit_b_01ec64.pth", "sha256")
    assert not (tmp_path / "runs").exists()


def test_damage_that_shows_before_the_run(site: Path, data: Path, tmp_path: Path) -> None:
    file = data / "01Duck" / "transforms.json"
    content = json.loads(file.read_text())
    content["frames"][3]["transform_matrix"][0][0] = float("nan")
    file.write_text(json.dumps(content))
    result = padbench(site, *RUN, "--data", str(data), "--out", str(tmp_path / "runs"))
    assert_one_sentence(result, "transforms.json", "train/good/3.png")
    assert not (tmp_path / "runs").exists()


def test_a_truncated_query_is_found_before_the_run(site: Path, data: Path, tmp_path: Path) -> None:
    file = data / "01Duck" / "test" / "Stains" / "1.png"
    file.write_bytes(file.read_bytes()[:-300])
    result = padbench(site, *RUN, "--data", str(data), "--out", str(tmp_path / "runs"))
    assert_one_sentence(result, str(file))
    assert not (tmp_path / "runs").exists()


def test_a_damaged_query_stops_its_class_only_and_the_mended_run_resumes(
    site: Path, data: Path, tmp_path: Path
) -> None:
    file = data / "01Duck" / "test" / "Stains" / "1.png"
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes(byte ^ 0xFF for byte in whole[middle : middle + 40]) + whole[middle + 40 :])
    arguments = (*RUN, "--data", str(data), "--out", str(tmp_path / "runs"))
    result = padbench(site, *arguments)
    assert_one_sentence(result, "01Duck", str(Path("Stains") / "1.png"))
    units = tmp_path / "runs" / "mad" / "nearest-view" / "lite"
    assert RunFolder(units / "03Cat" / "seed0").info["status"] == "done"
    failed = RunFolder(units / "01Duck" / "seed0")
    assert failed.info["status"] == "failed"
    assert 0 < len(failed.predictions()) < 12
    file.write_bytes(whole)
    refused = padbench(site, *arguments)
    assert_one_sentence(refused, "different data", "--overwrite")
    assert padbench(site, *arguments, "--overwrite").returncode == 0


def test_ctrl_c_keeps_what_is_done_and_the_same_command_resumes(site: Path, data: Path, tmp_path: Path) -> None:
    slow = site / "padbench_nearest.py"
    quick = slow.read_text()
    slow.write_text(
        quick.replace(
            "def score(self, images, references):",
            "def score(self, images, references):\n        import time; time.sleep(self.pause)",
        ).replace("self.views = views", "self.views = views\n        self.pause = 0.3")
    )
    arguments = (*RUN, "--data", str(data), "--classes", "01Duck")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    # A test run in the background of a shell inherits an ignored SIGINT.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from padbench.cli import main; sys.argv[0] = 'padbench'; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--out", str(tmp_path / "runs")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "runs" / "mad" / "nearest-view" / "lite" / "01Duck" / "seed0"
    deadline = time.monotonic() + 120
    while not (folder / "predictions.parquet").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command resumes it" in output
    assert RunFolder(folder).info["status"] == "running"
    done = RunFolder(folder).predictions()
    assert 0 < len(done) < 12
    assert padbench(site, *arguments, "--out", str(tmp_path / "runs")).returncode == 0
    resumed = RunFolder(folder).predictions()
    assert padbench(site, *arguments, "--out", str(tmp_path / "whole")).returncode == 0
    whole = RunFolder(tmp_path / "whole" / folder.relative_to(tmp_path / "runs")).predictions()
    assert list(resumed["image_score"]) == list(whole["image_score"])
    assert list(resumed["id"]) == list(whole["id"])
    assert list(resumed["seconds.detect"][: len(done)]) == list(done["seconds.detect"])


def test_an_output_folder_that_cannot_be_written(site: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = padbench(site, *RUN, "--data", str(data), "--classes", "01Duck", "--out", str(tmp_path / "file" / "runs"))
    assert_one_sentence(result, str(tmp_path / "file"), "choose another")


def test_warming_up_reaches_the_kernels(tmp_path: Path) -> None:
    result = padbench(tmp_path, "warmup")
    assert result.returncode == 0, result.stderr
    assert "padbench_gaussians: kernels ready after" in result.stdout


def test_an_unknown_verb_and_a_missing_option_exit_with_2(tmp_path: Path) -> None:
    for arguments in (("rnu",), ("run",), ("run", "--method")):
        result = padbench(tmp_path, *arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
