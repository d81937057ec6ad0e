"""The README's plugin example is run as it is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from harness.test_plugins import padbench

README = Path(__file__).parents[2] / "README.md"


def printed(name: str) -> str:
    """The code block under the line that names the file."""
    match = re.search(rf"^`{re.escape(name)}`\n\n```\w+\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert match, f"the README does not print {name}"
    return match[1]


def install_example(site: Path) -> None:
    for name in ("padbench_nearest.py", "nearest_view.yaml"):
        (site / name).write_text(printed(name))
    information = site / "padbench_nearest-0.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: padbench-nearest\nVersion: 0.1\n")
    entries = printed("pyproject.toml").partition("[project.entry-points.padbench]\n")[2]
    (information / "entry_points.txt").write_text("[padbench]\n" + entries.replace('"', ""))


def test_the_example_plugin_is_short_and_runs_to_a_board(tmp_path: Path) -> None:
    files = [printed(name) for name in ("padbench_nearest.py", "nearest_view.yaml", "pyproject.toml")]
    assert sum(bool(line.strip()) for file in files for line in file.splitlines()) < 40
    install_example(tmp_path)
    runs = tmp_path / "runs"
    command = ("run", "--method", "nearest-view", "--dataset", "bricks", "--classes", "01Duck,03Cat")
    result = padbench(tmp_path, *command, "--profile", "lite", "--out", str(runs))
    assert result.returncode == 0, result.stderr
    assert "nearest-view" in result.stdout
    assert "missing" in result.stdout, "a board without 02Truck must say so"
    folder = runs / "bricks" / "nearest-view" / "lite" / "01Duck" / "seed0"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["queries"] == 30
    assert 0 <= metrics["image_auroc"] <= 1
    assert "pose" not in metrics, "a method without poses has no pose error"
    assert len(list((folder / "pictures").glob("*.png"))) == 30
