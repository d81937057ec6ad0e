"""`padbench view --3d`: a server in this process, with the Gaussians and cameras of a stored run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from rich.console import Console
from scipy.spatial.transform import Rotation

from evaluate.run_folders import TASK, write_run
from padbench.atomic import write_atomically
from padbench.cli.view import command
from padbench.errors import UserError
from padbench.progress import ConsoleProgress
from padbench.report import posed_queries
from padbench.report.posed_queries import read_posed_scene
from padbench.store import RunFolder, write_predictions
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.ply import write_ply

pytest.importorskip("viser")
QUERIES = 4


def _write(out: Path, representation: dict[str, Any] | None) -> RunFolder:
    run = write_run(out, limit=QUERIES)
    recipe: dict[str, Any] = {
        "method": "oracle",
        "reference": "posed-views",
        "deviations": [],
        "representation": representation,
    }
    write_atomically(run.path / "recipe.yaml", yaml.safe_dump(recipe).encode())
    return RunFolder(run.path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Four queries of bricks, turned by a quarter of a degree, the coarse poses by 2.5, and ten Gaussians."""
    written = _write(tmp_path_factory.mktemp("runs"), {"name": "3dgs", "gaussians": 10})
    folder = written.path / "model" / TASK / "representation"
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(10, width, generator=generator) for width in (3, 4, 3, 1, 3)]
    write_ply(Gaussians(parts[0], parts[1], parts[2] - 3, parts[3][:, 0], parts[4]), folder / "point_cloud.ply")
    return written


def _read(run: RunFolder, scene: str | None = None) -> Any:
    with ConsoleProgress(Console(quiet=True)) as progress:
        return read_posed_scene(run, progress, scene)


@pytest.fixture(scope="module")
def viewer(run: RunFolder) -> Iterator[Any]:
    from padbench.report.scene_viewer import SceneViewer

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    viewer = SceneViewer(_read(run), port)
    yield viewer
    viewer.stop()
    deadline = time.monotonic() + 20
    while _is_served(viewer.port):
        assert time.monotonic() < deadline, "it is still served"
        time.sleep(0.1)


def _is_served(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def test_there_is_a_node_for_the_gaussians_and_each_camera_of_each_query(run: RunFolder, viewer: Any) -> None:
    """Named by kind and query, where predictions.parquet says, and turned as it says."""
    table = run.predictions()
    kinds = ("coarse", "estimated", "true")
    assert set(viewer.nodes) == {"/gaussians"} | {f"/{kind}/{query}" for kind in kinds for query in table["id"]}
    assert len(table) == QUERIES
    for _, row in table.iterrows():
        for kind, column in (("coarse", "coarse_world_to_camera"), ("estimated", "world_to_camera")):
            pose = np.reshape(row[column], (4, 4))
            node = viewer.nodes[f"/{kind}/{row['id']}"]
            assert node.position == pytest.approx(np.linalg.inv(pose)[:3, 3], abs=1e-9)
            axes = Rotation.from_quat(np.roll(node.wxyz, -1)).as_matrix()
            np.testing.assert_allclose(axes, np.linalg.inv(pose)[:3, :3], atol=1e-9)
        # The estimated camera of these runs turns about its own centre, which is the true one.
        assert viewer.nodes[f"/true/{row['id']}"].position == pytest.approx(
            viewer.nodes[f"/estimated/{row['id']}"].position, abs=1e-6
        )


def test_it_is_served_on_this_machine(viewer: Any) -> None:
    with urllib.request.urlopen(viewer.address, timeout=20) as response:
        assert response.status == 200 and b"<html" in response.read()


def test_the_chosen_query_is_shown_alone_unless_all_are_wanted(run: RunFolder, viewer: Any) -> None:
    ids = list(run.predictions()["id"])

    def visible() -> set[str]:
        return {name.rpartition("/")[2] for name, node in viewer.nodes.items() if node.visible} - {"gaussians"}

    assert visible() == {ids[0]}
    viewer.query.value = ids[2]
    viewer.show()
    assert visible() == {ids[2]}
    viewer.all_queries.value = True
    viewer.show()
    assert visible() == set(ids)
    viewer.all_queries.value = False
    viewer.query.value = ids[0]
    viewer.show()
    assert visible() == {ids[0]}


def test_what_is_read_of_a_run(run: RunFolder) -> None:
    """Gaussians as they were written, errors of both poses, images of the queries."""
    scene = _read(run)
    assert scene.name == TASK and scene.unshown is None
    assert scene.splats.means.shape == (10, 3)
    for query in scene.queries:
        assert query.errors == pytest.approx({"estimated": 0.25, "coarse": 2.5}, abs=1e-4)
        assert query.pixels().shape == (256, 256, 3)


def test_a_representation_without_gaussians_leaves_the_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _write(tmp_path, {"name": "field"})
    (run.path / "model" / TASK / "representation").mkdir(parents=True)
    monkeypatch.setattr(posed_queries, "load_plugins", lambda: SimpleNamespace(resolve=lambda *_: lambda *_: object()))
    scene = _read(run)
    assert scene.splats is None and len(scene.queries) == QUERIES
    assert scene.unshown == "the representation 'field' holds no Gaussians: only cameras are shown"
    without = _read(_write(tmp_path / "other", None))
    assert without.splats is None and without.unshown == "oracle has no representation to show"


def test_what_cannot_be_shown_is_said_in_one_sentence(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no scene '01Duk': did you mean '01Duck'"):
        _read(run, "01Duk")
    with pytest.raises(UserError, match=r"representation is missing: run the unit again"):
        _read(_write(tmp_path / "unfitted", {"name": "3dgs"}))
    poseless = _write(tmp_path / "poseless", None)
    kept = [{"id": name, "image_score": 0.0} for name in poseless.predictions()["id"]]
    write_predictions(poseless.path, kept)
    with pytest.raises(UserError, match="holds no pose: oracle estimates none"):
        _read(poseless)
    for arguments, sentence in (
        ([str(run.path)], "add --3d"),
        ([str(tmp_path / "nowhere"), "--3d"], "unit.json is missing"),
    ):
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert isinstance(result.exception, UserError) and sentence in str(result.exception)


def test_without_viser_one_sentence_names_the_extra(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    monkeypatch.delitem(sys.modules, "padbench.report.scene_viewer", raising=False)
    result = CliRunner().invoke(command, [str(run.path), "--3d"], standalone_mode=False)
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == "padbench view --3d needs viser: pip install 'padbench[view]'"


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    run = _write(tmp_path, None)
    # A test run in the background of a shell inherits an ignored SIGINT.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from padbench.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "view", str(run.path), "--3d", "--port", "18080"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if "Ctrl-C" in line), None)
        assert line is not None and "shows 01Duck with 4 queries" in line
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0 and "Traceback" not in errors
    finally:
        process.kill()
        process.wait()
