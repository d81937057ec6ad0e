"""Unpack an archive that nobody vouches for: within the target, plain files only, bounded in size, ratio and number."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias, cast

from padbench.downloads.sources import spoken_size
from padbench.errors import UserError

Advance: TypeAlias = Callable[[int], None]
"""Told the bytes of the archive's members that are written since the last call."""

_BLOCK = 1 << 20
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")
_LONGEST_PART = 255
_LONGEST_NAME = 1024
_DEEPEST = 32
_LONGEST_HEADER = 1 << 16
_LONGEST_SHOWN = 80
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)
_COMPRESSED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@dataclass(frozen=True)
class Limits:
    """What an archive may become.

    ratio: bytes unpacked, names included, for each byte of the archive. slack: bytes beside those. reserve: bytes of
    the disk that stay free.
    """

    members: int = 2_000_000
    ratio: int = 100
    slack: int = 1 << 20
    reserve: int = 1 << 27


class DamagedArchive(UserError):
    """An archive that is not whole, or none: another copy may be. reason: what is wrong with it."""

    def __init__(self, archive: Path, reason: str) -> None:
        super().__init__(f"{archive} {reason}: remove it and run the same command again")
        self.reason = reason


class _HeaderTooLong(Exception):
    """A tar states a name or a table before a member that nobody means."""


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
    disk allow, and DamagedArchive for a damaged one; there is no target then.
    """
    limits = limits or Limits()
    target.mkdir(parents=True)
    try:
        _unpack(archive, target, limits, advance)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        # Decompressors raise OSError too, without a number: it is not one of the operating system's.
        if isinstance(error, _DAMAGED) or (isinstance(error, OSError) and error.errno is None):
            raise _damaged(archive, str(error)) from error
        if isinstance(error, _HeaderTooLong):
            raise UserError(
                f"{archive} has a member with a header of more than {spoken_size(_LONGEST_HEADER)}: it is not unpacked"
            ) from error
        raise


def _damaged(archive: Path, reason: str) -> DamagedArchive:
    return DamagedArchive(archive, f"is damaged ({reason})")


def member_path(name: str) -> PurePosixPath:
    """The relative path that a member's name means.

    Raises ValueError for a name that is empty, absolute, leads upwards, has a backslash, a drive or a control
    character, has more than 32 parts or 1024 bytes, or a part that is too long for a file system.
    """
    if len(name) > _LONGEST_NAME or len(name.encode(errors="replace")) > _LONGEST_NAME:
        raise ValueError("it is too long")
    if name.count("/") > _DEEPEST:
        raise ValueError("it is too deep")
    if not name or "\\" in name or name.startswith("/"):
        raise ValueError("it is no relative path")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError("it has control characters")
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise ValueError("it leads out of the folder")
    if path.parts and path.parts[0][1:2] == ":":
        raise ValueError("it names a drive")
    if any(len(part.encode()) > _LONGEST_PART for part in path.parts):
        raise ValueError("it is too long")
    return path


def _unpack(archive: Path, target: Path, limits: Limits, advance: Advance | None) -> None:
    allowed = archive.stat().st_size * limits.ratio + limits.slack
    taken = _Names(archive)
    written = 0
    with _members(archive) as members:
        for number, member in enumerate(members, 1):
            path = _checked(archive, member)
            written += member.size + len(member.name)
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
            if member.size + limits.reserve > (free := shutil.disk_usage(target).free):
                raise UserError(
                    f"{place} needs {spoken_size(member.size)}, {spoken_size(free)} are free on its disk, of which "
                    f"{spoken_size(limits.reserve)} are left free: free some space, then run the same command again"
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(archive, member, place, advance)


def _write(archive: Path, member: _Member, place: Path, advance: Advance | None) -> None:
    left = member.size
    with _opened(archive, member) as source, place.open("xb") as file:
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                break
            file.write(block)
            if advance is not None:
                advance(len(block))
    if left:
        raise _damaged(archive, f"{_shown(member.name)} has not the size it states")


def _opened(archive: Path, member: _Member) -> IO[bytes]:
    try:
        return member.open()
    except NotImplementedError as error:
        raise UserError(
            f"{archive} holds {_shown(member.name)} in a form that Python cannot unpack ({error}): unpack it with "
            "another program"
        ) from error
    except (ValueError, struct.error) as error:  # of a header that makes no sense
        raise _damaged(archive, str(error)) from error


def _shown(name: str) -> str:
    """A name as a sentence has it: quoted, and not endless."""
    return repr(name) if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]!r}..."


def _checked(archive: Path, member: _Member) -> PurePosixPath | None:
    """Where the member goes, None for one that goes nowhere."""
    try:
        path = member_path(member.name)
    except ValueError as error:
        raise UserError(f"{archive} has a member {_shown(member.name)}, and {error}: it is not unpacked") from error
    if any(part in _JUNK or part.startswith("._") for part in path.parts) or not path.parts:
        return None
    if member.kind not in ("file", "folder"):
        raise UserError(f"{archive} has {member.kind}, {_shown(member.name)}: only files and folders are unpacked")
    return path


class _Names:
    """The names that are taken, as a disk sees them that knows neither case nor the spellings of an accent."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._taken: dict[str, tuple[str, str]] = {}

    def add(self, path: PurePosixPath, kind: str) -> None:
        for parent in path.parents:
            if not parent.parts or self._taken.get(self._key(parent)) == (str(parent), "folder"):
                break  # what is above it was taken with it
            self._take(parent, "folder")
        if kind == "file" and self._key(path) in self._taken:
            raise self._twice(self._taken[self._key(path)][0], path)
        self._take(path, kind)

    def _take(self, path: PurePosixPath, kind: str) -> None:
        name, known = self._taken.setdefault(self._key(path), (str(path), kind))
        if name != str(path) or known != kind:
            raise self._twice(name, path)

    def _twice(self, name: str, path: PurePosixPath) -> UserError:
        return UserError(f"{self._archive} has {_shown(name)} and {_shown(str(path))}: a name twice")

    @staticmethod
    def _key(path: PurePosixPath) -> str:
        return unicodedata.normalize("NFC", str(path)).casefold()


class _Metered:
    """The bytes of a tar, which counts what is read while `left` is a number; tarfile reads long names whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.left: int | None = None

    def read(self, size: int = -1) -> bytes:
        """Read; raises _HeaderTooLong before it reads more than is left."""
        if self.left is not None:
            self.left -= size
            if size < 0 or self.left < 0:
                raise _HeaderTooLong
        return self._stream.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a byte."""
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        """The byte that is read next."""
        return self._stream.tell()


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    with archive.open("rb") as raw:
        start = raw.read(max(map(len, _COMPRESSED)))
        raw.seek(0)
        decompress = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)
        stream = _Metered(decompress(raw) if decompress else raw)
        if (tar := _tar(stream)) is not None:
            with tar:
                yield _tar_members(archive, tar, stream)
        elif zipfile.is_zipfile(archive):
            with _zip(archive) as zipped:
                yield _zip_members(zipped)
        else:
            raise DamagedArchive(archive, "is neither a zip nor a tar archive")


def _tar(stream: _Metered) -> tarfile.TarFile | None:
    """The tar, None where these are not the bytes of one."""
    stream.left = _LONGEST_HEADER
    try:
        return tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:")
    except tarfile.ReadError:
        return None


def _zip(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except NotImplementedError as error:
        raise UserError(
            f"{archive} has a form that Python cannot unpack ({error}): unpack it with another program"
        ) from error
    except (ValueError, struct.error) as error:  # of a directory that makes no sense
        raise _damaged(archive, str(error)) from error


def _zip_members(zipped: zipfile.ZipFile) -> Iterator[_Member]:
    for entry in zipped.infolist():
        mode = entry.external_attr >> 16
        kind = "folder" if entry.is_dir() else "file"
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "a link" if stat.S_ISLNK(mode) else "a special file"
        elif entry.flag_bits & 1:
            kind = "an encrypted file"
        yield _Member(entry.filename, kind, entry.file_size, partial(zipped.open, entry))


def _tar_members(archive: Path, tar: tarfile.TarFile, stream: _Metered) -> Iterator[_Member]:
    while (entry := _next(archive, tar, stream)) is not None:
        kind = "a special file"
        if entry.isdir():
            kind = "folder"
        elif entry.isreg() and not entry.issparse():
            kind = "file"
        elif entry.issym() or entry.islnk():
            kind = "a link"
        yield _Member(entry.name, kind, entry.size, partial(_extracted, tar, entry))
    _require_end(tar)


def _next(archive: Path, tar: tarfile.TarFile, stream: _Metered) -> tarfile.TarInfo | None:
    tar.members = []  # type: ignore[attr-defined] # tarfile keeps all it has seen
    stream.left = _LONGEST_HEADER
    try:
        entry = tar.next()
    except (ValueError, struct.error) as error:  # of a header that makes no sense
        raise _damaged(archive, str(error)) from error
    stream.left = None
    if sum(len(key) + len(value) for key, value in tar.pax_headers.items()) > _LONGEST_HEADER:
        raise _HeaderTooLong
    return entry


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


def _extracted(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(entry)
    assert source is not None  # of a plain file
    return source
