"""Unpack an archive that nobody vouches for: within the target, plain files only, bounded in size, ratio and number."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from padbench.downloads.sources import spoken_size
from padbench.errors import UserError

Advance: TypeAlias = Callable[[int], None]
"""Told the bytes of the archive's members that are written since the last call."""

_BLOCK = 1 << 20
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")
_LONGEST_NAME = 255
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Limits:
    """What an archive may become. ratio: bytes unpacked for each byte of the archive. slack: bytes beside those."""

    members: int = 2_000_000
    ratio: int = 100
    slack: int = 1 << 20


@dataclass(frozen=True)
class _Member:
    name: str
    kind: str  # "file", "folder" or what it is instead
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, target: Path, limits: Limits | None = None, advance: Advance | None = None) -> None:
    """Unpack a zip or a tar (plain or compressed), whichever the content says, into `target`, which must not exist.

    Permissions, owners and times are not taken over; what file managers leave in archives is left out. Raises UserError
    for anything but plain files and folders under distinct names within the target, for more than the limits or the
    disk allow, and for a damaged archive; there is no target then.
    """
    limits = limits or Limits()
    target.mkdir(parents=True)
    try:
        _unpack(archive, target, limits, advance)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        # Decompressors raise OSError too, without a number: it is not one of the operating system's.
        if isinstance(error, _DAMAGED) or (isinstance(error, OSError) and error.errno is None):
            raise UserError(f"{archive} is damaged ({error}): remove it and run the same command again") from error
        raise


def member_path(name: str) -> PurePosixPath:
    """The relative path that a member's name means.

    Raises ValueError for a name that is empty, absolute, leads upwards, has a backslash, a drive, a control character
    or a part that is too long for a file system.
    """
    if not name or "\\" in name or name.startswith("/"):
        raise ValueError("it is no relative path")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError("it has control characters")
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise ValueError("it leads out of the folder")
    if path.parts and path.parts[0][1:2] == ":":
        raise ValueError("it names a drive")
    if any(len(part.encode()) > _LONGEST_NAME for part in path.parts):
        raise ValueError("it is too long")
    return path


def _unpack(archive: Path, target: Path, limits: Limits, advance: Advance | None) -> None:
    allowed = archive.stat().st_size * limits.ratio + limits.slack
    taken = _Names(archive)
    written = 0
    with _members(archive) as members:
        for number, member in enumerate(members, 1):
            path = _checked(archive, member)
            written += member.size
            if number > limits.members:
                raise UserError(f"{archive} has more than {limits.members:,} members: it is not the archive expected")
            if written > allowed:
                raise UserError(
                    f"{archive} of {spoken_size(archive.stat().st_size)} would become more than "
                    f"{spoken_size(allowed)}: it is not the archive expected, remove it"
                )
            if path is None:
                continue
            taken.add(path, member.kind)
            place = target / path
            if member.kind == "folder":
                place.mkdir(parents=True, exist_ok=True)
                continue
            if member.size > (free := shutil.disk_usage(target).free):
                raise UserError(
                    f"{place} needs {spoken_size(member.size)}, {spoken_size(free)} are free on its disk: free some "
                    "space, then run the same command again"
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(archive, member, place, advance)


def _write(archive: Path, member: _Member, place: Path, advance: Advance | None) -> None:
    left = member.size
    with member.open() as source, place.open("xb") as file:
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                break
            file.write(block)
            if advance is not None:
                advance(len(block))
    if left:
        raise UserError(f"{archive} is damaged: {member.name!r} has not the size it states; remove it and try again")


def _checked(archive: Path, member: _Member) -> PurePosixPath | None:
    """Where the member goes, None for one that goes nowhere."""
    try:
        path = member_path(member.name)
    except ValueError as error:
        raise UserError(f"{archive} has a member {member.name!r}, and {error}: it is not unpacked") from error
    if any(part in _JUNK or part.startswith("._") for part in path.parts) or not path.parts:
        return None
    if member.kind not in ("file", "folder"):
        raise UserError(f"{archive} has {member.kind}, {member.name!r}: only files and folders are unpacked")
    return path


class _Names:
    """The names that are taken, as a disk sees them that knows neither case nor the spellings of an accent."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._taken: dict[str, tuple[str, str]] = {}

    def add(self, path: PurePosixPath, kind: str) -> None:
        for parent in path.parents:
            if parent.parts:
                self._take(parent, "folder")
        if kind == "file" and self._key(path) in self._taken:
            raise UserError(f"{self._archive} has {self._taken[self._key(path)][0]!r} and {str(path)!r}: a name twice")
        self._take(path, kind)

    def _take(self, path: PurePosixPath, kind: str) -> None:
        name, known = self._taken.setdefault(self._key(path), (str(path), kind))
        if name != str(path) or known != kind:
            raise UserError(f"{self._archive} has {name!r} and {str(path)!r}: a name twice")

    @staticmethod
    def _key(path: PurePosixPath) -> str:
        return unicodedata.normalize("NFC", str(path)).casefold()


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive, "r:*") as tar:
            yield _tar_members(tar)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _zip_members(zipped)
    else:
        raise UserError(f"{archive} is neither a zip nor a tar archive: remove it and run the same command again")


def _zip_members(zipped: zipfile.ZipFile) -> Iterator[_Member]:
    for entry in zipped.infolist():
        mode = entry.external_attr >> 16
        kind = "folder" if entry.is_dir() else "file"
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "a link" if stat.S_ISLNK(mode) else "a special file"
        elif entry.flag_bits & 1:
            kind = "an encrypted file"
        yield _Member(entry.filename, kind, entry.file_size, partial(zipped.open, entry))


def _tar_members(tar: tarfile.TarFile) -> Iterator[_Member]:
    while (entry := tar.next()) is not None:
        kind = "a special file"
        if entry.isdir():
            kind = "folder"
        elif entry.isreg() and not entry.issparse():
            kind = "file"
        elif entry.issym() or entry.islnk():
            kind = "a link"
        yield _Member(entry.name, kind, entry.size, partial(_opened, tar, entry))
    _require_end(tar)


def _require_end(tar: tarfile.TarFile) -> None:
    """tarfile takes a damaged header for the end: the end is a block of zeros, and the compression's checksum follows.

    Raises tarfile.ReadError.
    """
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends early")
    while tar.fileobj.read(_BLOCK):
        pass


def _opened(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(entry)
    assert source is not None  # of a plain file
    return source
