"""Hostile and damaged archives: a sentence, nothing outside the target, nothing half-made."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from padbench.downloads.archive import Limits, member_path, unpack
from padbench.errors import UserError

Write = Callable[[Path, list[tuple[str, bytes]]], Path]


def write_zip(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if name.endswith("/"):
                entry.type = tarfile.DIRTYPE
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(params=[write_zip, write_tar])
def write(request: pytest.FixtureRequest) -> Write:
    chosen: Write = request.param
    return chosen


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(folder: Path, archive: Path, *parts: str, limits: Limits | None = None) -> None:
    """Nothing is left of the target, nothing is put beside it, and the sentence names the archive."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        unpack(archive, folder / "inner" / "target", limits)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not (folder / "inner" / "target").exists()
    for part in (str(archive), *parts):
        assert part in str(caught.value)


def test_files_and_folders_come_out_as_they_went_in(tmp_path: Path, write: Write) -> None:
    members = [("set/", b""), ("set/a.png", b"a"), ("set/deep/er/b.json", b"b" * 100_000), ("./c", b"")]
    told: list[int] = []
    unpack(write(tmp_path / "archive", members), tmp_path / "target", advance=told.append)
    assert tree(tmp_path / "target") == {"set/a.png": b"a", "set/deep/er/b.json": b"b" * 100_000, "c": b""}
    assert sum(told) == 100_001


def test_what_file_managers_add_is_left_out(tmp_path: Path, write: Write) -> None:
    junk = [("__MACOSX/set/._a.png", b"x"), ("set/.DS_Store", b"x"), ("set/._a.png", b"x"), ("set/Thumbs.db", b"x")]
    unpack(write(tmp_path / "archive", [("set/a.png", b"a"), *junk]), tmp_path / "target")
    assert tree(tmp_path / "target") == {"set/a.png": b"a"}


@pytest.mark.parametrize(
    "name",
    ["/etc/evil", "../evil", "set/../../evil", "set/..", "C:/evil", "..\\evil", "set\\evil", "evil\nname", "x" * 300],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, write: Write, name: str) -> None:
    archive = write(tmp_path / "archive", [("set/a.png", b"a"), (name, b"evil")])
    assert_refused(tmp_path, archive, repr(name[:80]))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.png", "a.png"), ("set/a.png", "set/A.PNG"), ("set/b", "SET/c"), ("a", "a/b"), ("\u00e9", "e\u0301")],
)
def test_two_members_of_one_name_are_refused(tmp_path: Path, write: Write, first: str, second: str) -> None:
    assert_refused(tmp_path, write(tmp_path / "archive", [(first, b"1"), (second, b"2")]), "a name twice")
    assert_refused(tmp_path, write(tmp_path / "archive", [(second, b"1"), (first, b"2")]), "a name twice")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a special file"),
        (tarfile.BLKTYPE, "a special file"),
        (tarfile.FIFOTYPE, "a special file"),
    ],
)
@pytest.mark.parametrize("aim", ["a.png", "../../outside", "/etc/passwd"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes, word: str, aim: str) -> None:
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        first = tarfile.TarInfo("a.png")
        archive.addfile(first, io.BytesIO())
        entry = tarfile.TarInfo("evil")
        entry.type, entry.linkname = kind, aim
        archive.addfile(entry)
        through = tarfile.TarInfo("evil/through")
        through.size = 4
        archive.addfile(through, io.BytesIO(b"evil"))
    assert_refused(tmp_path, tmp_path / "archive", word, "'evil'")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("a.png", b"a")
        entry = zipfile.ZipInfo("evil")
        entry.external_attr = (mode | 0o777) << 16
        archive.writestr(entry, "../../outside")
    assert_refused(tmp_path, tmp_path / "archive", "'evil'")


def test_a_member_in_an_unknown_compression_is_no_damage(tmp_path: Path) -> None:
    content = bytearray(write_zip(tmp_path / "archive", [("a.png", b"a" * 1000)]).read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[8] = content[directory + 10] = 9  # Deflate64
    (tmp_path / "archive").write_bytes(content)
    assert_refused(tmp_path, tmp_path / "archive", "'a.png'", "unpack it with another program")


def header_bomb(path: Path, kind: bytes, length: int) -> Path:
    """A tar whose first header announces a long name or table of `length` bytes, all of which follow."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, length
    text = b"a" * length
    if kind in (tarfile.XHDTYPE, tarfile.XGLTYPE):
        text = f"{length} comment=".encode().ljust(length - 1, b"a") + b"\n"
    member = tarfile.TarInfo("a.png")
    padding = bytes(-length % tarfile.BLOCKSIZE)
    with gzip.open(path, "wb") as archive:
        archive.write(header.tobuf(tarfile.GNU_FORMAT) + text + padding + member.tobuf() + bytes(1024))
    return path


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path, kind: bytes) -> None:
    archive = header_bomb(tmp_path / "archive", kind, 50_000_000)
    assert archive.stat().st_size < 100_000
    tracemalloc.start()
    try:
        assert_refused(tmp_path, archive, "header of more than 66 kB")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_long_table_of_holes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("sparse")
    table = b"10000000\n" + b"1\n" * 20_000_000
    entry.size = len(table)
    entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "sparse"}
    with tarfile.open(tmp_path / "archive", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(table))
    del table
    tracemalloc.start()
    try:
        assert_refused(tmp_path, tmp_path / "archive", "header of more than 66 kB")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("name", ["x/" * 20_000 + "x", "/".join(["x" * 200] * 8), "x/" * 40 + "x"])
def test_a_name_too_long_or_too_deep_is_refused_and_not_repeated(tmp_path: Path, write: Write, name: str) -> None:
    archive = write(tmp_path / "archive", [(name, b"")])
    with pytest.raises(UserError, match=r"it is too (long|deep)") as caught:
        unpack(archive, tmp_path / "target")
    assert len(str(caught.value)) < len(str(archive)) + 200
    assert not (tmp_path / "target").exists()


def test_many_long_names_are_a_bomb_too(tmp_path: Path) -> None:
    members = [(f"{'/'.join(['x' * 200] * 4)}{index}", b"") for index in range(3000)]
    assert_refused(tmp_path, write_tar(tmp_path / "archive", members), "would become more than", limits=Limits(ratio=4))


def test_an_ordinary_long_name_is_taken(tmp_path: Path, write: Write) -> None:
    name = "/".join(["x" * 100] * 5)
    unpack(write(tmp_path / "archive", [(name, b"a")]), tmp_path / "target")
    assert tree(tmp_path / "target") == {name: b"a"}


def test_space_is_left_on_the_disk(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write(tmp_path / "archive", [("a.png", b"a" * 1000)])
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000_000))
    with pytest.raises(UserError, match="50 MB are free on its disk, of which 134 MB are left free"):
        unpack(archive, tmp_path / "target")
    unpack(archive, tmp_path / "target", Limits(reserve=10_000_000))


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    content = write_zip(tmp_path / "archive", [("secret", b"a")]).read_bytes()
    directory = content.index(b"PK\x01\x02")
    flagged = bytearray(content)
    flagged[6] |= 1
    flagged[directory + 8] |= 1
    (tmp_path / "archive").write_bytes(flagged)
    assert_refused(tmp_path, tmp_path / "archive", "an encrypted file")


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", [("zeros", bytes(20_000_000))])
    assert archive.stat().st_size < 100_000
    assert_refused(tmp_path, archive, "would become more than")
    unpack(archive, tmp_path / "allowed", Limits(ratio=2000))
    assert (tmp_path / "allowed" / "zeros").stat().st_size == 20_000_000


def test_many_small_bombs_are_one_bomb(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", [(f"zeros{index}", bytes(1_000_000)) for index in range(12)])
    assert_refused(tmp_path, archive, "would become more than", limits=Limits(ratio=20))


def test_too_many_members_are_refused(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", [(f"{index}/", b"") for index in range(101)])
    assert_refused(tmp_path, archive, "more than 100 members", limits=Limits(members=100))


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    content = write_zip(tmp_path / "archive", [("zeros", bytes(20_000_000))]).read_bytes()
    (tmp_path / "archive").write_bytes(content.replace((20_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    assert_refused(tmp_path, tmp_path / "archive", "damaged")


def test_damage_anywhere_is_noticed(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", [("a.bin", bytes(range(256)) * 40), ("b.bin", b"end" * 1000)])
    whole = archive.read_bytes()
    for place in range(30, len(whole) - 30, max(1, len(whole) // 60)):
        archive.write_bytes(whole[:place])
        assert_refused(tmp_path, archive)


def test_changed_bytes_of_a_member_are_noticed(tmp_path: Path, write: Write) -> None:
    archive = write(tmp_path / "archive", [("a.bin", bytes(range(256)) * 40), ("b.bin", b"end" * 1000)])
    whole = archive.read_bytes()
    for place in range(60, 250, 10):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert_refused(tmp_path, archive)


@pytest.mark.parametrize("content", [b"", b"<html>quota</html>", b"Rar!\x1a\x07\x01\x00" + bytes(100)])
def test_what_is_no_archive_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "archive").write_bytes(content)
    assert_refused(tmp_path, tmp_path / "archive", "neither a zip nor a tar")


def test_plain_and_otherwise_compressed_tars_are_read_too(tmp_path: Path) -> None:
    for mode in ("w", "w:xz", "w:bz2"):
        with tarfile.open(tmp_path / "archive", mode) as archive:  # type: ignore[call-overload]
            entry = tarfile.TarInfo("a")
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
        target = tmp_path / mode.replace(":", "")
        unpack(tmp_path / "archive", target)
        assert tree(target) == {"a": b"x"}


PARTS = st.one_of(
    st.sampled_from(["", ".", "..", "a", "C:", "\\", "/", "~", "..."]),
    st.text(max_size=6),
    st.text("./\\:ab", max_size=5),
)


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_whatever_a_name_is_it_stays_within_the_folder(name: str) -> None:
    try:
        path = member_path(name)
    except ValueError:
        return
    assert not path.is_absolute() and ".." not in path.parts and "\\" not in str(path)
    root = PurePosixPath("/root/of/target")
    place = root / path
    assert place.parts[: len(root.parts)] == root.parts
    assert Path(place).resolve().is_relative_to(Path(root).resolve())


@given(st.lists(st.text("abcXYZ019_-. \u00e9", min_size=1, max_size=12), min_size=1, max_size=4))
def test_ordinary_names_are_taken_as_they_are(parts: list[str]) -> None:
    assume(all(part not in (".", "..") for part in parts))
    assert member_path("/".join(parts)) == PurePosixPath(*parts)
