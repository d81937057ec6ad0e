"""`padbench data download`: from nothing to a data set that a reader finds, and what stops on the way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock
from rich.console import Console

from datasets.chair_folder import write_chairs
from datasets.conftest import write_class, write_colmap_class
from downloads.file_server import Fault, FileServer
from padbench.cli.data import command
from padbench.cli.run import command as run_command
from padbench.datasets import open_dataset
from padbench.downloads import transfer
from padbench.downloads.install import Installation
from padbench.downloads.sources import DataSource, RemoteFile, data_sources, spoken_size
from padbench.errors import MissingData, UserError
from padbench.hookspecs import hookimpl
from padbench.interfaces import API_VERSION
from padbench.plugins import Origin, Plugins, load_plugins
from padbench.progress import DownloadDisplay
from padbench_datasets.downloads import DOWNLOADS
from padbench_datasets.rad import RadDataset

ARCHIVE = "/MAD-Sim.zip"


def data(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=answer)


def refusal(result: Result) -> str:
    assert isinstance(result.exception, UserError), result.output
    sentence = str(result.exception)
    assert "\n" not in sentence
    return sentence


def zipped(folder: Path, prefix: str = "") -> bytes:
    """The content of a folder as a zip, below folders named `prefix`."""
    path = folder.with_name(f"{folder.name}.packed")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = partial(transfer.Patience, attempts=1, first_pause=0.001, longest_pause=0.01, connect=20, stall=20)
    monkeypatch.setattr(transfer, "Patience", impatient)


@pytest.fixture
def mad(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """A server with a tiny data set in MAD's layout, in the place of the published one."""
    write_class(tmp_path / "original" / "01Brick")
    (tmp_path / "original" / "01Brick" / "license").write_bytes(random.Random(0).randbytes(600_000))
    server.files[ARCHIVE] = zipped(tmp_path / "original", "MAD-Sim/")
    file = RemoteFile("MAD-Sim.zip", server.url + ARCHIVE, len(server.files[ARCHIVE]))
    monkeypatch.setitem(DOWNLOADS, "mad", replace(DOWNLOADS["mad"], files=(file,)))
    return server


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody at a terminal."""
    for module in ("consent", "download"):
        monkeypatch.setattr(f"padbench.cli.{module}.attended", lambda: True)


def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "mad"


def test_from_nothing_to_a_data_set_that_its_reader_finds(mad: FileServer, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="run `padbench data download mad`, or name its folder with --data"):
        open_dataset(load_plugins(), "mad", None)
    result = data("download", "mad", "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"mad is at {root(tmp_path)}; use it with --dataset mad\n"
    for part in ("CC BY-NC-SA 4.0", "https://github.com/EricLee0224/PAD", "kB to download", "checking mad"):
        assert part in result.stderr
    dataset = open_dataset(load_plugins(), "mad", None)
    assert dataset.root == root(tmp_path) and list(dataset.classes()) == ["01Brick"]
    assert len(dataset.task("01Brick").fit[0].views) == 4
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


def test_what_is_there_is_not_downloaded_again(mad: FileServer, tmp_path: Path) -> None:
    assert data("download", "mad", "--yes").exit_code == 0
    asked = len(mad.log)
    again = data("download", "mad")
    assert again.exit_code == 0
    check = f"`padbench data check {root(tmp_path)} --as mad` reads every file"
    assert again.stdout == f"mad is already at {root(tmp_path)}; {check}\n"
    assert (
        f"mad is already at {tmp_path / 'original'}" in data("download", "mad", "--data", tmp_path / "original").stdout
    )
    assert len(mad.log) == asked


def test_what_is_there_but_incomplete_is_not_called_complete(mad: FileServer, tmp_path: Path) -> None:
    assert data("download", "mad", "--yes").exit_code == 0
    shutil.rmtree(root(tmp_path) / "01Brick" / "test")
    sentence = refusal(data("download", "mad"))
    assert f"mad is at {root(tmp_path)}, but incomplete (" in sentence
    assert f"`padbench data check {root(tmp_path)} --as mad`" in sentence


def test_a_leftover_beside_a_data_set_that_is_there_is_removed(mad: FileServer, tmp_path: Path) -> None:
    assert data("download", "mad", "--yes").exit_code == 0
    workplace = tmp_path / "data" / "mad.download"
    workplace.mkdir()
    (workplace / "MAD-Sim.zip").write_bytes(b"what a kill left")
    with FileLock(tmp_path / "data" / "mad.download.lock"):
        assert data("download", "mad").exit_code == 0
        assert workplace.exists()  # another process is at it
    assert data("download", "mad").exit_code == 0
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


def test_two_downloads_of_one_data_set_are_kept_apart(mad: FileServer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with FileLock(tmp_path / "data" / "mad.download.lock"):
        assert "mad is being downloaded by another process" in refusal(data("download", "mad", "--yes"))
    assert mad.log == []
    assert data("download", "mad", "--yes").exit_code == 0


def test_who_comes_second_takes_what_the_first_has_put_there(mad: FileServer, tmp_path: Path) -> None:
    source = DOWNLOADS["mad"]
    second = Installation(source, root(tmp_path), load_plugins().resolve("dataset", "mad"))
    assert second.present(None) is None
    assert data("download", "mad", "--yes").exit_code == 0
    asked = len(mad.log)
    assert second.run(DownloadDisplay(Console(stderr=True))) == root(tmp_path)
    assert len(mad.log) == asked
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


def test_data_names_the_root_it_gets_a_subfolder_of(mad: FileServer, tmp_path: Path) -> None:
    result = data("download", "mad", "--yes", "--data", tmp_path / "disk")
    assert f"--data {tmp_path / 'disk' / 'mad'}" in result.stdout
    assert open_dataset(load_plugins(), "mad", tmp_path / "disk").root == tmp_path / "disk" / "mad"
    assert not (tmp_path / "data").exists()


def test_without_a_terminal_the_licence_must_be_accepted_by_an_option(mad: FileServer, tmp_path: Path) -> None:
    sentence = refusal(data("download", "mad"))
    assert "CC BY-NC-SA 4.0" in sentence and "--yes" in sentence
    assert mad.log == [] and not (tmp_path / "data").exists()


@pytest.mark.usefixtures("person")
def test_a_person_is_asked_once(mad: FileServer, tmp_path: Path) -> None:
    declined = data("download", "mad", answer="n\n")
    assert refusal(declined) == "mad was not downloaded"
    assert mad.log == [] and not (tmp_path / "data").exists()
    accepted = data("download", "mad", answer="y\n")
    assert accepted.exit_code == 0
    assert accepted.stderr.count("Accept the licence") == 1
    assert root(tmp_path).is_dir()


@pytest.mark.usefixtures("person")
def test_a_run_offers_to_download_what_it_lacks(mad: FileServer, tmp_path: Path) -> None:
    arguments = [
        "--method",
        "silhouette",
        "--dataset",
        "mad",
        "--classes",
        "02Nothing",
        "--out",
        str(tmp_path / "runs"),
    ]
    declined = CliRunner().invoke(run_command, arguments, input="n\n")
    assert refusal(declined) == "mad was not downloaded"
    assert mad.log == []
    accepted = CliRunner().invoke(run_command, arguments, input="y\n")
    assert "has no class '02Nothing'" in refusal(accepted)  # which it can say since it is here
    assert root(tmp_path).is_dir()


def test_a_run_without_a_terminal_names_the_command(mad: FileServer, tmp_path: Path) -> None:
    arguments = ["--method", "silhouette", "--dataset", "mad", "--out", str(tmp_path / "runs")]
    assert "`padbench data download mad`" in refusal(CliRunner().invoke(run_command, arguments, input="y\n"))
    assert mad.log == []


def test_a_reader_with_two_releases_names_both_commands() -> None:
    with pytest.raises(MissingData) as caught:
        open_dataset(load_plugins(), "rad", None)
    assert "run `padbench data download rad` or `padbench data download rad-without-masks`, or name" in str(
        caught.value
    )


def test_a_full_disk_is_noticed_first(mad: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=200_000_000))
    sentence = refusal(data("download", "mad", "--yes"))
    assert "mad needs 2" in sentence and "200 MB are free" in sentence and "--data" in sentence
    assert mad.log == [] and not (tmp_path / "data").exists()


def test_the_space_is_checked_once_the_server_has_said_the_length(
    mad: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = DOWNLOADS["mad"].files
    DOWNLOADS["mad"] = replace(DOWNLOADS["mad"], files=(replace(file, size=None),))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=(1 << 28) + 700_000))
    assert "mad needs 2" in refusal(data("download", "mad", "--yes"))
    assert (tmp_path / "data" / "mad.download" / "MAD-Sim.zip.part").stat().st_size < 200_000
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=10**12))
    assert data("download", "mad", "--yes").exit_code == 0


def test_what_is_half_unpacked_counts_as_free(mad: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workplace = tmp_path / "data" / "mad.download"
    for folder in ("unpacking", "archive"):
        (workplace / folder / "MAD-Sim").mkdir(parents=True)
        (workplace / folder / "MAD-Sim" / "0.png").write_bytes(bytes(2_000_000))
    (workplace / "MAD-Sim.zip").write_bytes(mad.files[ARCHIVE])
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=(1 << 28) - 2_000_000))
    assert data("download", "mad", "--yes").exit_code == 0
    assert mad.log == []
    assert not (root(tmp_path) / "0.png").exists()


def test_a_damaged_archive_is_moved_aside_and_fetched_anew(mad: FileServer, tmp_path: Path) -> None:
    (file,) = DOWNLOADS["mad"].files
    DOWNLOADS["mad"] = replace(DOWNLOADS["mad"], files=(replace(file, size=None),))
    mad.faults[ARCHIVE] = [Fault(cut=400_000, unannounced=True)]
    sentence = refusal(data("download", "mad", "--yes"))
    aside = tmp_path / "data" / "mad.download" / "MAD-Sim.zip.damaged"
    assert str(aside) in sentence and "run the same command again" in sentence
    assert aside.stat().st_size == 400_000
    assert data("download", "mad", "--yes").exit_code == 0
    assert mad.asked(ARCHIVE) == [None, None]
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


def test_a_cut_download_is_kept_beside_the_folder_and_resumed(mad: FileServer, tmp_path: Path) -> None:
    mad.faults[ARCHIVE] = [Fault(cut=400_000)]
    sentence = refusal(data("download", "mad", "--yes"))
    assert "mad.download/MAD-Sim.zip.part" in sentence
    assert not root(tmp_path).exists()
    kept = (tmp_path / "data" / "mad.download" / "MAD-Sim.zip.part").stat().st_size
    assert data("download", "mad", "--yes").exit_code == 0
    assert mad.asked(ARCHIVE) == [None, f"bytes={kept}-"]
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


def test_ctrl_c_exits_with_130_and_the_next_call_resumes(mad: FileServer, tmp_path: Path) -> None:
    mad.faults[ARCHIVE] = [Fault(stall=400_000)]
    program = f"""
import signal, sys
from dataclasses import replace
signal.signal(signal.SIGINT, signal.default_int_handler)
from padbench.cli import main
from padbench.downloads.sources import RemoteFile
from padbench_datasets.downloads import DOWNLOADS
file = RemoteFile("MAD-Sim.zip", {mad.url + ARCHIVE!r}, None)
DOWNLOADS["mad"] = replace(DOWNLOADS["mad"], files=(file,))
sys.argv = ["padbench", "data", "download", "mad", "--yes"]
main()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "data" / "mad.download" / "MAD-Sim.zip.part"
    deadline = time.monotonic() + 60
    while not part.exists() or part.stat().st_size < 300_000:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command goes on from there" in errors
    assert not root(tmp_path).exists()
    kept = part.stat().st_size
    assert 300_000 <= kept <= 400_000
    assert mad.files[ARCHIVE].startswith(part.read_bytes())
    assert data("download", "mad", "--yes").exit_code == 0
    assert mad.asked(ARCHIVE) == [None, f"bytes={kept}-"]


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_server_that_refuses_leaves_no_folder(mad: FileServer, tmp_path: Path, status: int) -> None:
    mad.faults[ARCHIVE] = [Fault(status=status)]
    assert f"HTTP {status}" in refusal(data("download", "mad", "--yes"))
    assert not root(tmp_path).exists()
    assert data("download", "mad", "--yes").exit_code == 0


def test_a_web_page_instead_of_the_archive(mad: FileServer, tmp_path: Path) -> None:
    page = b"<!DOCTYPE html><html>quota</html>"
    mad.faults[ARCHIVE] = [Fault(status=200, headers={"Content-Type": "text/html"}, body=page)]
    assert "web page instead of the file" in refusal(data("download", "mad", "--yes"))
    assert not root(tmp_path).exists()


def test_a_hostile_archive_leaves_nothing_outside_and_nothing_half_made(mad: FileServer, tmp_path: Path) -> None:
    sound = mad.files[ARCHIVE]
    archive = tmp_path / "hostile.zip"
    archive.write_bytes(sound)
    with zipfile.ZipFile(archive, "a") as hostile:
        hostile.writestr("MAD-Sim/../../../../evil.png", b"evil")
    mad.files[ARCHIVE] = archive.read_bytes()
    assert "leads out of the folder" in refusal(data("download", "mad", "--yes"))
    assert not root(tmp_path).exists() and not list(tmp_path.rglob("evil*"))
    workplace = tmp_path / "data" / "mad.download"
    assert not list(workplace.rglob("*.png"))
    mad.files[ARCHIVE] = sound
    (workplace / "MAD-Sim.zip").unlink()
    assert data("download", "mad", "--yes").exit_code == 0


def test_a_file_saved_by_hand_is_taken_up(mad: FileServer, tmp_path: Path) -> None:
    mad.faults[ARCHIVE] = [Fault(status=403)]
    sentence = refusal(data("download", "mad", "--yes"))
    place = tmp_path / "data" / "mad.download" / "MAD-Sim.zip"
    assert f"save it with a browser as {place}" in sentence
    place.write_bytes(mad.files[ARCHIVE])
    assert data("download", "mad", "--yes").exit_code == 0
    assert len(mad.log) == 1


def test_a_data_set_with_faults_gets_no_name_until_they_are_mended(mad: FileServer, tmp_path: Path) -> None:
    image = tmp_path / "original" / "01Brick" / "train" / "good" / "0.png"
    sound = image.read_bytes()
    image.write_bytes(b"")
    mad.files[ARCHIVE] = zipped(tmp_path / "original", "MAD-Sim/")
    sentence = refusal(data("download", "mad", "--yes"))
    kept = tmp_path / "data" / "mad.download" / "unpacked" / "MAD-Sim"
    assert "train/good/0.png" in sentence and f"padbench data check {kept} --as mad" in sentence
    assert not root(tmp_path).exists()
    (kept / "01Brick" / "train" / "good" / "0.png").write_bytes(sound)
    asked = len(mad.log)
    assert data("download", "mad", "--yes").exit_code == 0
    assert len(mad.log) == asked
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"mad"}


@pytest.mark.parametrize("prefix", ["", "a/b/"])
def test_the_root_is_found_within_the_archive(mad: FileServer, tmp_path: Path, prefix: str) -> None:
    mad.files[ARCHIVE] = zipped(tmp_path / "original", prefix)
    assert data("download", "mad", "--yes").exit_code == 0
    assert (root(tmp_path) / "01Brick" / "transforms.json").is_file()


def test_an_archive_of_something_else(mad: FileServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "poem.txt").write_text("roses " * 4000)
    mad.files[ARCHIVE] = zipped(tmp_path / "other")
    DOWNLOADS["mad"] = replace(DOWNLOADS["mad"], files=(replace(DOWNLOADS["mad"].files[0], size=None),))
    assert "holds no data set in the layout of mad" in refusal(data("download", "mad", "--yes"))
    assert not root(tmp_path).exists()


def test_other_files_in_the_place_are_not_touched(mad: FileServer, tmp_path: Path) -> None:
    root(tmp_path).mkdir(parents=True)
    (root(tmp_path) / "thesis.tex").write_text("mine")
    sentence = refusal(data("download", "mad", "--yes"))
    assert f"{root(tmp_path)} is there and is no copy of mad" in sentence
    assert (root(tmp_path) / "thesis.tex").read_text() == "mine" and mad.log == []
    (root(tmp_path) / "thesis.tex").unlink()
    assert data("download", "mad", "--yes").exit_code == 0  # an empty folder is no data set


def test_a_release_with_a_name_of_its_own_says_how_to_use_it(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_colmap_class(tmp_path / "original" / "teacup")
    shutil.rmtree(tmp_path / "original" / "teacup" / "ground_truth")
    server.files["/rad.zip"] = zipped(tmp_path / "original")
    file = RemoteFile("rad.zip", f"{server.url}/rad.zip", None)
    monkeypatch.setitem(DOWNLOADS, "rad-without-masks", replace(DOWNLOADS["rad-without-masks"], files=(file,)))
    result = data("download", "rad-without-masks", "--yes")
    folder = tmp_path / "data" / "rad-without-masks"
    assert f"use it with --dataset rad --data {folder}" in result.stdout
    assert open_dataset(load_plugins(), "rad", folder).ground_truth("teacup")[0].load_mask is None


def test_a_person_may_accept_the_faults_of_the_published_archive(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("can", "box"):
        write_colmap_class(tmp_path / "original" / name)
    (tmp_path / "original" / "can" / "transforms.json").unlink()
    server.files["/rad.zip"] = zipped(tmp_path / "original")
    file = RemoteFile("rad.zip", f"{server.url}/rad.zip", None)
    monkeypatch.setitem(DOWNLOADS, "rad", replace(DOWNLOADS["rad"], files=(file,)))
    monkeypatch.setattr(RadDataset, "releases", (("can", "box"),))
    sentence = refusal(data("download", "rad", "--yes"))
    folder = tmp_path / "data" / "rad"
    kept = tmp_path / "data" / "rad.download" / "unpacked"
    for part in ("can", "transforms.json", f"`padbench data check {kept} --as rad`", "--accept-faults"):
        assert part in sentence
    assert kept.is_dir() and not folder.exists()
    asked = len(server.log)
    result = data("download", "rad", "--yes", "--accept-faults")
    assert result.exit_code == 0, result.output
    assert len(server.log) == asked
    assert "warning: rad is installed with 1 fault: " in result.stderr and "transforms.json" in result.stderr
    assert f"padbench data check {folder} --as rad" in result.stderr
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"rad"}
    assert len(open_dataset(load_plugins(), "rad", None).task("box").fit[0].views) == 4
    assert data("check", folder, "--as", "rad").exit_code == 2


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_data_set_of_several_files_from_the_hub(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    original = write_chairs(tmp_path / "original")
    hub = "/datasets/ankankbhunia/brokenchairs180k/resolve/main"
    for name in ("images", "annotations", "shapes"):
        server.files[f"{hub}/{name}.zip"] = zipped(original / name, f"{name}/" if wrapped else "")
    server.files[f"{hub}/split.json"] = (original / "split.json").read_bytes()
    server.hub |= {path for path in server.files if path.endswith(".zip")}
    files = tuple(replace(file, size=None) for file in DOWNLOADS["brokenchairs"].files)
    monkeypatch.setitem(DOWNLOADS, "brokenchairs", replace(DOWNLOADS["brokenchairs"], files=files))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=10**12))
    server.faults[f"/cdn{hub}/images.zip"] = [Fault(cut=100)]
    assert "images.zip" in refusal(data("download", "brokenchairs", "--yes"))
    asked = len(server.asked(f"/cdn{hub}/shapes.zip"))
    result = data("download", "brokenchairs", "--yes")
    assert result.exit_code == 0, result.output
    assert len(server.asked(f"/cdn{hub}/shapes.zip")) == asked == 1
    dataset = open_dataset(load_plugins(), "brokenchairs", None)
    assert dataset.check() == [] and len(dataset.task("chair").fit) == 2
    copied = {path.relative_to(dataset.root) for path in dataset.root.rglob("*") if path.is_file()}
    assert copied == {path.relative_to(original) for path in original.rglob("*") if path.is_file()}


def test_drives_published_links_are_the_ones_asked_for(drive: FileServer) -> None:
    for name in ("mad", "mad-real", "rad", "rad-without-masks"):
        (file,) = DOWNLOADS[name].files
        drive.faults[f"/drive.google.com/uc?id={file.url.split('/')[-2]}"] = [Fault(status=403)]
        assert "HTTP 403" in refusal(data("download", name, "--yes"))
        assert drive.log[-1].path == f"/drive.google.com/uc?id={file.url.split('/')[-2]}"


def test_every_source_has_a_reader_and_a_title() -> None:
    plugins = load_plugins()
    for source in data_sources(plugins).values():
        assert plugins.find("dataset", source.reader)
        assert source.title and source.licence and source.page.startswith("https://")
        assert len({file.name for file in source.files}) == len(source.files)
        assert all(Path(file.name).name == file.name for file in source.files)


def test_a_third_party_adds_a_source() -> None:
    table = ModuleType("their_table")
    source = DataSource("cups", "Cups", "mad", "MIT", "https://x.org", ())
    table.TABLE = {"cups": source}  # type: ignore[attr-defined]
    sys.modules["their_table"] = table
    plugins = Plugins()
    for name in ("theirs", "copied"):
        module = ModuleType(name)
        module.padbench_api_version = API_VERSION  # type: ignore[attr-defined]
        module.padbench_downloads = "their_table:TABLE"  # type: ignore[attr-defined]
        module.padbench_register = hookimpl(lambda registry: None)  # type: ignore[attr-defined]
        plugins.add(module, Origin(name, "1", name))
        if name == "theirs":
            assert data_sources(plugins) == {"cups": source}
    with pytest.raises(UserError, match="two plugins say where 'cups' is downloaded"):
        data_sources(plugins)


SPOKEN: list[tuple[int | None, str]] = [
    (None, "?"),
    (12, "1 kB"),
    (137_000, "137 kB"),
    (970_000_000, "970 MB"),
    (2_190_000_000, "2.19 GB"),
    (19_800_000_000, "19.8 GB"),
    (120_000_000_000, "120 GB"),
]


@pytest.mark.parametrize(("size", "words"), SPOKEN)
def test_sizes_are_spoken(size: int | None, words: str) -> None:
    assert spoken_size(size) == words
