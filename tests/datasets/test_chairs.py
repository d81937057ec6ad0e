"""The generator of `chairs`: what it makes is read by BrokenChairs' reader and compared with a z-buffer's pictures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from datasets.z_buffer import NOTHING, parts_seen
from padbench.cli.data import command
from padbench.data_root import cache_root
from padbench.errors import UserError
from padbench.interfaces import Item, MakesData, Progress
from padbench.progress import SilentProgress
from padbench.scene import LabelledImage, Scene
from padbench_datasets.chair_names import DEFECTS
from padbench_datasets.chairs import making
from padbench_datasets.chairs.making import Extent, make_chairs
from padbench_datasets.correspondences import read_correspondences
from padbench_datasets.embedded import ChairsDataset

EXTENT = Extent(training=2, validation=0, test=1, size=96)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shapes, made once; not to be changed."""
    root = tmp_path_factory.mktemp("chairs") / "made"
    make_chairs(root, EXTENT, SilentProgress(), processes=1)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def times(root: Path, shapes: Iterable[str]) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for shape in shapes for path in root.glob(f"*/shape_{shape}/**/*")}


def training(root: Path) -> list[tuple[Scene, LabelledImage]]:
    task = ChairsDataset(root).task("chair")
    return [(scene, image) for scene in task.fit for image in scene.labelled]


def test_what_is_made_has_no_faults(made: Path) -> None:
    assert ChairsDataset(made).check() == []


def test_a_shape_has_as_many_normal_as_anomalous_images_and_every_defect(made: Path) -> None:
    task = ChairsDataset(made).task("chair")
    assert (len(task.fit), len(task.test)) == (2, 1)
    for scene in (*task.fit, *task.test):
        assert len(scene.views) == 20
        assert scene.mesh is not None
    for scene in task.fit:
        defects = Counter(image.defect for image in scene.labelled)
        assert defects[None] == 6
        assert sum(defects.values()) == 12
        assert set(defects) == {None, *DEFECTS}
    truth = ChairsDataset(made).ground_truth("chair")
    assert Counter(item.anomalous for item in truth) == {True: 6, False: 6}
    assert all(item.world_to_camera is not None for item in truth)


def foreground(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What is not of the plain background."""
    return np.asarray((image != image[0, 0]).any(axis=2))


def test_images_show_the_mesh_from_the_cameras_that_the_reader_gives(made: Path) -> None:
    for scene, image in training(made):
        if image.anomalous:
            continue
        assert image.camera is not None and scene.mesh is not None
        expected = (parts_seen(scene.mesh, image.camera, 2) != NOTHING).any(axis=2)
        assert expected.sum() > 300
        assert (foreground(image.load()) != expected).sum() <= 0.005 * expected.sum()
    for view in (scene := ChairsDataset(made).task("chair").test[0]).views:
        assert scene.mesh is not None
        expected = (parts_seen(scene.mesh, view.camera, 2) != NOTHING).any(axis=2)
        assert (foreground(view.load()) != expected).sum() <= 0.005 * expected.sum()


def mask(root: Path, image: LabelledImage, which: str) -> NDArray[np.bool_] | None:
    (folder,) = root.glob(f"annotations/*/info_{image.id}.json")
    path = folder.with_name(f"mask_{which}_{image.id}.png")
    return np.asarray(Image.open(path)) > 0 if path.exists() else None


def test_masks_mark_the_changed_part_and_nothing_else(made: Path) -> None:
    for scene, image in training(made):
        if not image.anomalous:
            continue
        assert image.camera is not None and scene.mesh is not None
        (info,) = made.glob(f"annotations/*/info_{image.id}.json")
        part = json.loads(info.read_text())["part"]
        rays = (parts_seen(scene.mesh, image.camera, 2) == part).sum(axis=2)
        old, new = mask(made, image, "old"), mask(made, image, "new")
        if old is None:
            assert (rays > 2).sum() == 0
        else:
            # Two of four rays are most of them where the others are not of one part.
            wrong = (old & (rays < 2)) | (~old & (rays > 2))
            assert wrong.sum() <= 0.01 * old.sum()
        assert (new is None) == (image.defect == "missing") or (image.defect == "damaged" and new is None)
        others = (parts_seen(scene.mesh, image.camera, 2, without=part) != NOTHING).any(axis=2)
        shown = others if new is None else others | new
        found = foreground(image.load())
        assert (shown & ~found).sum() <= 0.005 * shown.sum()
        # A pixel that one ray in four hits shows the part and is not in its mask.
        assert (found & ~ndimage.binary_dilation(shown, iterations=1 if new is None else 2)).sum() == 0


def test_boxes_are_those_of_the_masks(made: Path) -> None:
    anomalous = [image for _, image in training(made) if image.anomalous]
    assert len(anomalous) == 12
    for image in anomalous:
        marked = mask(made, image, "old" if image.defect in ("missing", "damaged") else "new")
        assert marked is not None
        rows, columns = np.nonzero(marked)
        expected = (columns.min(), rows.min(), columns.max() - columns.min() + 1, rows.max() - rows.min() + 1)
        assert image.box == expected


def test_correspondences_are_projections_of_one_point_each(made: Path) -> None:
    scene = ChairsDataset(made).task("chair").test[0]
    folder = made / "shapes" / f"shape_{scene.name}" / "mv_images"
    found = [read_correspondences(folder / f"{view.name}.npy") for view in scene.views]
    cameras = [view.camera.K @ view.camera.world_to_camera[:3] for view in scene.views]
    for point in range(0, 1000, 25):
        seen = np.array([item.pixels[point][::-1] + 0.5 for item in found])
        rows = [
            coordinate * camera[2] - camera[axis]
            for camera, at in zip(cameras, seen, strict=True)
            for axis, coordinate in enumerate(at)
        ]
        position = np.linalg.svd(np.array(rows))[2][-1]
        projected = np.array([camera @ position for camera in cameras])
        assert np.abs(projected[:, :2] / projected[:, 2:] - seen).max() < 1
    for view, item in zip(scene.views, found, strict=True):
        row, column = item.pixels[item.visible].T
        assert len(row) > 200
        assert foreground(view.load())[row, column].all()


def test_positions_project_to_the_pixels_that_they_are_seen_in(made: Path) -> None:
    scene = ChairsDataset(made).task("chair").test[0]
    for view in scene.views[::7]:
        path = made / "shapes" / f"shape_{scene.name}" / "mv_images" / f"{view.name}.npy"
        positions = read_correspondences(path).positions.astype(float)
        rows, columns = np.nonzero((positions != -1).any(axis=2))
        assert len(rows) > 10
        local = np.c_[positions[rows, columns], np.ones(len(rows))] @ view.camera.world_to_camera.T
        projected = local[:, :3] @ view.camera.K.T
        step = view.camera.width / len(positions)
        expected = (np.stack([columns, rows], axis=1) + 0.5) * step
        assert np.abs(projected[:, :2] / projected[:, 2:] - expected).max() < 0.6


def test_the_number_of_processes_does_not_change_a_byte(made: Path, tmp_path: Path) -> None:
    make_chairs(tmp_path / "chairs", EXTENT, SilentProgress(), processes=2)
    assert contents(tmp_path / "chairs") == contents(made)


def test_what_is_missing_is_made_and_nothing_else(made: Path, copy: Path) -> None:
    shape = "0000001"
    (copy / "split.json").unlink()
    (copy / "shapes" / f"shape_{shape}").rename(copy / "shapes" / f".shape_{shape}")
    next((copy / "images" / f"shape_{shape}").iterdir()).unlink()
    (copy / "images" / f"shape_{shape}" / "half.png").write_bytes(b"")
    before = times(copy, ["0000000", "9000000"])
    make_chairs(copy, EXTENT, SilentProgress(), processes=1)
    assert contents(copy) == contents(made)
    assert times(copy, ["0000000", "9000000"]) == before


def test_a_larger_data_set_holds_the_smaller_one(made: Path, copy: Path) -> None:
    old = ["0000000", "0000001", "9000000"]
    before = times(copy, old)
    make_chairs(copy, Extent(3, 0, 1, EXTENT.size), SilentProgress(), processes=1)
    assert times(copy, old) == before
    assert [scene.name for scene in ChairsDataset(copy).task("chair").fit] == ["0000000", "0000001", "0000002"]
    make_chairs(copy, EXTENT, SilentProgress(), processes=1)
    assert [scene.name for scene in ChairsDataset(copy).task("chair").fit] == ["0000000", "0000001"]
    assert (copy / "shapes" / "shape_0000002").is_dir()


def test_shapes_of_the_splits_are_apart() -> None:
    split = Extent(1000, 10, 20).split()
    ids = [shape for shapes in split.values() for shape in shapes]
    assert len(set(ids)) == len(ids) == 1030
    assert Extent(96, 10, 20).split()["train"] == split["train"][:96]


PROGRAM = """
import signal
import sys
from pathlib import Path
from padbench.progress import SilentProgress
from padbench_datasets.chairs.making import Extent, make_chairs

if __name__ == "__main__":
    # Where the tests run in the background, the shell has made it ignore this signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    make_chairs(Path(sys.argv[1]), Extent(40, 0, 1, 96), SilentProgress(), processes=2)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_process_leaves_whole_shapes_and_no_other_process(
    made: Path, tmp_path: Path, end: signal.Signals
) -> None:
    root, program = tmp_path / "chairs", tmp_path / "program.py"
    program.write_text(PROGRAM)
    # Ctrl-C reaches the whole group of a terminal's process.
    process = subprocess.Popen(
        [sys.executable, str(program), str(root)], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(list(root.glob("shapes/shape_*"))) > 1)
    if end is signal.SIGINT:
        os.killpg(process.pid, end)
    else:
        process.kill()
    _, messages = process.communicate(timeout=60)  # ends when the last of the group has closed its end
    assert process.returncode != 0
    assert messages.count("Traceback") == (end is signal.SIGINT)  # of the interrupted process itself, not of the others
    finished = [path.name for path in root.glob("shapes/shape_*")]
    assert 1 < len(finished) < 41
    assert not (root / "split.json").exists()
    make_chairs(root, EXTENT, SilentProgress(), processes=1)
    expected, found = contents(made), contents(root)
    assert {name: found.get(name) for name in expected} == expected


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class _Interrupted(SilentProgress):
    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        for number, item in enumerate(items):
            if number == 1:
                raise KeyboardInterrupt
            yield item


def test_no_split_is_written_before_the_last_shape(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_chairs(tmp_path / "chairs", EXTENT, _Interrupted(), processes=1)
    assert [path.name for path in (tmp_path / "chairs" / "shapes").iterdir()] == ["shape_9000000"]
    assert not (tmp_path / "chairs" / "split.json").exists()


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(UserError, match="holds other files than chairs"):
        make_chairs(tmp_path, EXTENT, SilentProgress(), processes=1)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("split.json", "{}")]


@pytest.mark.parametrize("mark", [{"generator": 0, "image_size": 96}, {"generator": making.VERSION, "image_size": 95}])
def test_chairs_of_two_generators_are_not_mixed(copy: Path, mark: dict[str, int]) -> None:
    (copy / "generator.json").write_text(json.dumps(mark))
    before = contents(copy)
    with pytest.raises(UserError, match="was made with"):
        make_chairs(copy, Extent(3, 0, 1, EXTENT.size), SilentProgress(), processes=1)
    assert contents(copy) == before


def test_two_processes_do_not_make_one_folder(copy: Path) -> None:
    with FileLock(copy / ".lock"), pytest.raises(UserError, match="by another process"):
        make_chairs(copy, EXTENT, SilentProgress(), processes=1)


def test_a_file_in_the_way_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        make_chairs(tmp_path / "file" / "chairs", EXTENT, SilentProgress(), processes=1)


@pytest.mark.parametrize("number", [-1, 0, 1_000_001])
def test_a_number_of_shapes_that_cannot_be_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(UserError, match="--train-shapes"):
        make_chairs(tmp_path / "chairs", Extent(number), SilentProgress())
    assert not (tmp_path / "chairs").exists()


def test_the_data_root_is_filled_at_first_use(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def give(root: Path, extent: Extent, progress: object, processes: int | None = None) -> None:
        asked.append((root, extent))
        shutil.copytree(made, root, dirs_exist_ok=True)

    monkeypatch.setattr(making, "make_chairs", give)
    monkeypatch.setenv("PADBENCH_DATA", str(tmp_path / "data"))
    assert len(ChairsDataset(None).task("chair").fit) == 2
    assert asked == [(tmp_path / "data" / "chairs", Extent())]
    assert str(asked[0][0]) in capsys.readouterr().err.replace("\n", "")
    ChairsDataset(None)
    assert len(asked) == 1
    assert ChairsDataset.make(None, train_shapes=None, progress=SilentProgress()) == asked[0][0]
    assert asked[1:] == [(asked[0][0], Extent(training=2))]


def test_the_command_makes_and_grows_a_folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(root: Path, extent: Extent, progress: Progress, processes: int | None = None) -> None:
        make_chairs(root, Extent(extent.training, 0, 1, EXTENT.size), progress, processes=1)

    monkeypatch.setattr(making, "make_chairs", give)
    root = tmp_path / "new" / "chairs"
    assert isinstance(ChairsDataset, MakesData)
    for number in (1, 2):
        result = CliRunner().invoke(command, ["make", "chairs", "--data", str(root), "--train-shapes", str(number)])
        assert result.exit_code == 0
        assert result.stdout == f"chair in {root}: {number} objects to fit on, 1 to test\n"
    assert contents(root) == contents(made)
    result = CliRunner().invoke(command, ["check", str(root), "--as", "chairs"])
    assert (result.exit_code, result.stdout.split(": ")[1][:9]) == (0, "no faults")


def test_a_folder_that_is_named_is_read_and_not_filled(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"images is missing.*padbench data make chairs --data"):
        ChairsDataset(tmp_path)
    assert not list(tmp_path.iterdir())


def test_reading_chairs_imports_no_ray_caster(made: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from padbench_datasets.embedded import ChairsDataset;"
        "ChairsDataset(Path(sys.argv[1])).task('chair');"
        "print([name for name in ('torch', 'trimesh', 'embreex') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code, str(made)], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
    assert cache_root().is_dir()
