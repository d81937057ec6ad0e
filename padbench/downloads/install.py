"""From a source to a data set in its folder: fetch, unpack, find the root, check, rename."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from padbench.downloads.archive import DamagedArchive, unpack
from padbench.downloads.sources import DataSource, RemoteFile, spoken_size
from padbench.downloads.transfer import Patience, Report, fetch
from padbench.errors import UserError
from padbench.interfaces import Dataset

_DEPTH = 3
_RESERVE = 1 << 28
_SHOWN_FAULTS = 3


class Display(Protocol):
    """Shows a person what is being done."""

    def say(self, line: str) -> None:
        """Say what comes next."""
        ...

    def bytes(self, description: str) -> Any:
        """A context manager that shows a bar and returns its `Report`."""
        ...


@dataclass(frozen=True)
class Installation:
    """A source, the folder it becomes, and its reader's class.

    Everything is fetched and unpacked in `<folder>.download`, which is kept when it is interrupted and removed at the
    end; the folder itself appears complete, by a rename. The lock lies beside both.
    """

    source: DataSource
    folder: Path
    reader: Callable[..., Dataset]

    @property
    def workplace(self) -> Path:
        """Where a download that is not complete is kept."""
        return self.folder.with_name(f"{self.folder.name}.download")

    def present(self, data: Path | None) -> Path | None:
        """The root of a copy that is already there, in the folder or, where it is its own, in `data`."""
        own = [data] if data is not None and self.source.name == self.source.reader else []
        for place in (self.folder, *own):
            try:
                return self.reader(place, image_size=None).root
            except UserError:
                continue
        return None

    def missing_in(self, root: Path) -> str | None:
        """What the first class lacks that cannot be opened, None where all can; no image is read."""
        try:
            reader = self.reader(root, image_size=None)
            for name in reader.classes():
                reader.task(name)
        except UserError as error:
            return str(error)
        return None

    def require_space(self, lengths: Mapping[str, int] | None = None) -> None:
        """Raises UserError where what is still to be fetched and unpacked has no room on the disk.

        lengths: file name -> bytes, of files whose server has said so; the table's sizes hold for the others.
        """
        if self._unpacked.exists():
            return
        needed = _RESERVE
        for file in self.source.files:
            size, kept = (lengths or {}).get(file.name) or file.size or 0, self._kept(file)
            needed += max(0, size - kept) + ((file.unpacked or size or kept) if file.archive else size)
        existing = next(place for place in (self.folder, *self.folder.absolute().parents) if place.exists())
        # What is half unpacked is removed before anything else is written.
        free = shutil.disk_usage(existing).free + sum(_bytes_in(place) for place in self._leftovers())
        if needed > free:
            raise UserError(
                f"{self.source.name} needs {spoken_size(needed)} in {self.folder.parent} until it is unpacked, and "
                f"{spoken_size(free)} are free there: free some space or choose another folder with --data"
            )

    def run(self, display: Display, patience: Patience | None = None, accept_faults: bool = False) -> Path:
        """Do what is still to be done and return the folder.

        accept_faults: whether a data set is put in its place in which the check finds faults. Raises UserError; what
        was fetched and unpacked is kept then, and the next call goes on from there.
        """
        with self._claimed():
            if self.present(None) is not None:  # another process has put it there meanwhile
                shutil.rmtree(self.workplace, ignore_errors=True)
                return self.folder
            if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
                raise UserError(
                    f"{self.folder} is there and is no copy of {self.source.name} that can be read: `padbench data "
                    f"check {self.folder} --as {self.source.reader}` says why; remove it, or choose another folder "
                    "with --data"
                )
            self.workplace.mkdir(exist_ok=True)
            for place in self._leftovers():
                _remove(place)
            if not self._unpacked.exists():
                self._fetch(display, patience)
                self._unpack(display)
            root = self._root()
            display.say(f"checking {self.source.name}: every file is read")
            self._check(root, display, accept_faults)
            root.replace(self.folder)
            shutil.rmtree(self.workplace, ignore_errors=True)
        return self.folder

    def clear(self) -> None:
        """Remove what an interrupted download has left beside a data set that is there, unless one is under way."""
        if self.workplace.is_dir():
            with suppress(UserError), self._claimed():
                shutil.rmtree(self.workplace, ignore_errors=True)

    @property
    def _unpacked(self) -> Path:
        return self.workplace / "unpacked"

    @property
    def _unfinished(self) -> Path:
        return self.workplace / "unpacking"

    @property
    def _fresh(self) -> Path:
        """Where one archive is unpacked."""
        return self.workplace / "archive"

    def _leftovers(self) -> list[Path]:
        """What an earlier call has left that no call goes on with."""
        damaged = self.workplace.glob("*.damaged")
        return [place for place in (self._unfinished, self._fresh, *damaged) if place.exists()]

    def _fetch(self, display: Display, patience: Patience | None) -> None:
        lengths: dict[str, int] = {}
        for file in self.source.files:
            place = self.workplace / file.name
            with display.bytes(file.name) as report:
                watched = self._watching(file, lengths, report)
                fetch(file.url, place, size=file.size, digest=file.sha256, report=watched, patience=patience)

    def _watching(self, file: RemoteFile, lengths: dict[str, int], report: Report) -> Report:
        """A report that checks the space as soon as the server has said how long the file is."""

        def watched(here: int, total: int | None) -> None:
            if total is not None and lengths.get(file.name) != total:
                lengths[file.name] = total
                self.require_space(lengths)
            report(here, total)

        return watched

    def _unpack(self, display: Display) -> None:
        unfinished = self._unfinished
        unfinished.mkdir()
        for file in self.source.files:
            with display.bytes(f"unpacking {file.name}") as report:
                self._place(file, unfinished / file.into, report)
        unfinished.replace(self._unpacked)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        # Beside the workplace, which is removed under it.
        lock = FileLock(self.workplace.with_name(f"{self.workplace.name}.lock"))
        try:
            self.workplace.parent.mkdir(parents=True, exist_ok=True)
            with lock.acquire(timeout=0):
                try:
                    yield
                finally:
                    Path(lock.lock_file).unlink(missing_ok=True)
        except Timeout:
            raise UserError(
                f"{self.source.name} is being downloaded by another process: wait until it is done"
            ) from None
        except OSError as error:
            raise UserError(
                f"{self.workplace} cannot be written ({error.strerror or error}): free some space or choose another "
                "folder with --data, then run the same command again to go on"
            ) from error

    def _kept(self, file: RemoteFile) -> int:
        for place in (self.workplace / file.name, self.workplace / f"{file.name}.part"):
            if place.is_file():
                return place.stat().st_size
        return 0

    def _place(self, file: RemoteFile, into: Path, report: Report) -> None:
        """Unpack an archive, or copy what is none. An archive of one folder with the name of `into` is that folder."""
        into.mkdir(parents=True, exist_ok=True)
        kept = self.workplace / file.name
        if not file.archive:
            shutil.copyfile(kept, into / file.name)
            return
        total = file.unpacked or kept.stat().st_size
        done = 0

        def advance(written: int) -> None:
            nonlocal done
            done += written
            report(done, max(total, done))

        fresh = self._fresh
        try:
            unpack(kept, fresh, advance=advance)
        except DamagedArchive as error:
            aside = kept.with_name(f"{kept.name}.damaged")
            kept.replace(aside)
            raise UserError(
                f"{file.name} of {self.source.name} {error.reason}: it is now {aside}; run the same command again to "
                "fetch it anew"
            ) from error
        entries = list(fresh.iterdir())
        if file.into and [entry.name for entry in entries if entry.is_dir()] == [into.name] and len(entries) == 1:
            entries = list(entries[0].iterdir())
        for entry in entries:
            if (into / entry.name).exists():
                raise UserError(f"{kept} holds {entry.name!r}, which another file of {self.source.name} holds too")
            entry.replace(into / entry.name)
        shutil.rmtree(fresh)

    def _root(self) -> Path:
        """The folder nearest to the top that the reader accepts: archives differ in how many folders are around it."""
        level, reasons = [self._unpacked], []
        for _ in range(_DEPTH):
            for folder in level:
                try:
                    return self.reader(folder, image_size=None).root
                except UserError as error:
                    reasons.append(error)
            level = [path for folder in level for path in sorted(folder.iterdir()) if path.is_dir()]
        raise UserError(
            f"{self.source.name} was downloaded, but holds no data set in the layout of {self.source.reader} "
            f"({reasons[0]}): look into {self._unpacked}, or remove {self.workplace} and try again"
        )

    def _check(self, root: Path, display: Display, accept_faults: bool) -> None:
        faults = self.reader(root, image_size=None).check()
        if not faults:
            return
        shown = "; ".join(faults[:_SHOWN_FAULTS])
        more = f"; and {len(faults) - _SHOWN_FAULTS:,} more" if len(faults) > _SHOWN_FAULTS else ""
        found = f"{len(faults):,} fault{'' if len(faults) == 1 else 's'}: {shown}{more}"
        if accept_faults:
            display.say(
                f"warning: {self.source.name} is installed with {found}; `padbench data check {self.folder} --as "
                f"{self.source.reader}` lists them"
            )
            return
        raise UserError(
            f"{self.source.name} was downloaded but is not as it should be ({found}): `padbench data check {root} --as "
            f"{self.source.reader}` lists the faults; mend them there and run the same command again, "
            f"install it as it is by `padbench data download {self.source.name} --accept-faults`, or remove "
            f"{self.workplace} to begin anew"
        )


def _bytes_in(place: Path) -> int:
    if place.is_file():
        return place.stat().st_size
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
