"""From a source to a data set in its folder: fetch, unpack, find the root, check, rename."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from padbench.downloads.archive import unpack
from padbench.downloads.sources import DataSource, RemoteFile, spoken_size
from padbench.downloads.transfer import Patience, Report, fetch
from padbench.errors import UserError
from padbench.interfaces import Dataset

_DEPTH = 3
_RESERVE = 1 << 28


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
    end; the folder itself appears complete, by a rename.
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

    def require_space(self) -> None:
        """Raises UserError where what is still to be fetched and unpacked has no room on the disk."""
        if self._unpacked.exists():
            return
        needed = _RESERVE
        for file in self.source.files:
            size, kept = file.size or 0, self._kept(file)
            needed += max(0, size - kept) + ((file.unpacked or size) if file.archive else size)
        existing = next(place for place in (self.folder, *self.folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(existing).free
        if needed > free:
            raise UserError(
                f"{self.source.name} needs {spoken_size(needed)} in {self.folder.parent} until it is unpacked, and "
                f"{spoken_size(free)} are free there: free some space or choose another folder with --data"
            )

    def run(self, display: Display, patience: Patience | None = None) -> Path:
        """Do what is still to be done and return the folder.

        Raises UserError; what was fetched and unpacked is kept then, and the next call goes on from there.
        """
        if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
            raise UserError(
                f"{self.folder} is there and is no copy of {self.source.name}: remove it, or choose another folder "
                "with --data"
            )
        with self._claimed():
            if not self._unpacked.exists():
                self._fetch(display, patience)
                self._unpack(display)
            root = self._root()
            display.say(f"checking {self.source.name}: every file is read")
            self._check(root)
            root.replace(self.folder)
        shutil.rmtree(self.workplace, ignore_errors=True)
        return self.folder

    @property
    def _unpacked(self) -> Path:
        return self.workplace / "unpacked"

    def _fetch(self, display: Display, patience: Patience | None) -> None:
        for file in self.source.files:
            place = self.workplace / file.name
            with display.bytes(file.name) as report:
                fetch(file.url, place, size=file.size, digest=file.sha256, report=report, patience=patience)

    def _unpack(self, display: Display) -> None:
        unfinished = self.workplace / "unpacking"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for file in self.source.files:
            with display.bytes(f"unpacking {file.name}") as report:
                self._place(file, unfinished / file.into, report)
        unfinished.replace(self._unpacked)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        lock = FileLock(self.workplace / ".lock")
        try:
            self.workplace.mkdir(parents=True, exist_ok=True)
            with lock.acquire(timeout=0):
                yield
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

        fresh = self.workplace / "archive"
        shutil.rmtree(fresh, ignore_errors=True)
        unpack(kept, fresh, advance=advance)
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

    def _check(self, root: Path) -> None:
        faults = self.reader(root, image_size=None).check()
        if faults:
            more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
            raise UserError(
                f"{self.source.name} was downloaded but is not as it should be ({faults[0]}{more}): `padbench data "
                f"check {root} --as {self.source.reader}` lists the faults; mend them there and run the same command "
                f"again, use the intact classes with --data {root}, or remove {self.workplace} to begin anew"
            )
