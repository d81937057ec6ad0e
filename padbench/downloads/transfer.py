"""Fetch one file over HTTP: resumed after a cut or a kill, bounded in patience, verified before it has its name."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeAlias

import requests
import urllib3
from filelock import FileLock, Timeout

from padbench.atomic import write_json_atomically
from padbench.downloads.providers import Facts, NoFacts, behind_drive_page, file_url, is_drive, publisher_facts
from padbench.downloads.sources import spoken_size
from padbench.errors import UserError
from padbench.weights import sha256

Report: TypeAlias = Callable[[int, "int | None"], None]
"""Told bytes that are here and bytes in all, where these are known."""

TOLERANCE = 0.1
"""How far a size of a table, which may be rounded, may be from that of the file, as a share."""

_BLOCK = 1 << 16
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_ADVANCE = 1 << 20
_HEAD = 512
_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)


@dataclass(frozen=True)
class Patience:
    """How long a transfer is tried.

    attempts: in a row that bring less than a MiB beyond what any has brought. first_pause, longest_pause: seconds
    between attempts; they double, and a server that asks for a longer pause than the longest ends the transfer.
    connect, stall: seconds without a connection, or without a byte. slowest: bytes per second, over each period of
    `window` seconds, under which the attempt ends.
    """

    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    connect: float = 15.0
    stall: float = 60.0
    slowest: float = 2000.0
    window: float = 120.0


class _Again(Exception):
    """The attempt failed in a way that another may not; pause: what the server asks for, in seconds."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    digest: str | None = None,
    verify: Callable[[Path], None] | None = None,
    report: Report | None = None,
    patience: Patience | None = None,
) -> None:
    """Fetch a file to `target`, which appears when it is complete and verified; a target that is there is kept.

    size: bytes, may be rounded. digest: its sha256, or how it begins. verify: raises UserError for a file that is not
    what it should be; it is given the file before it has its name. What has arrived is kept in `<target>.part`, and the
    next call asks for the rest. Raises UserError where the file cannot be had or is not the right one.
    """
    if target.is_file():
        if digest is not None and not (found := sha256(target)).startswith(digest):
            raise UserError(f"{target} has sha256 {found}, not {digest}: remove it and run the same command again")
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f"{target.name}.lock"))
        with lock.acquire(timeout=0):
            try:
                _Transfer(url, target, size, digest, report or _silent, patience or Patience()).run(verify)
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        raise UserError(f"{target} is being downloaded by another process: wait until it is done") from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UserError(
            f"cannot write {target} ({'the disk is full' if full else error.strerror or error}): free some space or "
            "choose another folder, then run the same command again to go on"
        ) from error


class _Transfer:
    def __init__(
        self, url: str, target: Path, size: int | None, digest: str | None, report: Report, patience: Patience
    ) -> None:
        self._shown, self._target, self._report, self._patience = url, target, report, patience
        self._size, self._digest = size, digest
        self._part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self._facts: Facts | None = None
        self._session = requests.Session()
        # Drive sends some clients no file; bytes on the disk must be the bytes of the file, not of an encoding.
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "Mozilla/5.0 padbench"})

    def run(self, verify: Callable[[Path], None] | None) -> None:
        with self._session:
            self._until_complete()
        self._verify(self._digest or (self._facts.sha256 if self._facts else None), verify)
        with self._part.open("rb") as stream:
            os.fsync(stream.fileno())
        self._part.replace(self._target)
        self._note.unlink(missing_ok=True)

    def _until_complete(self) -> None:
        failures = 0
        furthest = self._offset()
        while True:
            try:
                self._attempt()
                return
            except _Again as reason:
                # Compared with the furthest of all: a file that begins anew again and again does not advance.
                failures = 1 if self._offset() - furthest >= _ADVANCE else failures + 1
                furthest = max(furthest, self._offset())
                pause = min(self._patience.first_pause * 2 ** (failures - 1), self._patience.longest_pause)
                if failures >= self._patience.attempts or (reason.pause or 0) > self._patience.longest_pause:
                    raise UserError(self._gave_up(str(reason), reason.pause)) from reason
                time.sleep(max(pause, reason.pause or 0))

    def _attempt(self) -> None:
        """Ask for what is missing and append it; raises _Again for what may go better next time."""
        if self._facts is None:
            self._facts = self._ask_publisher()
        offset, noted = self._offset(), self._noted()
        if offset and offset == noted.get("size"):
            return  # stopped between the last byte and the last step
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if noted.get("validator"):
                headers["If-Range"] = noted["validator"]  # a file that changed is sent whole
        try:
            with self._ask(headers) as response:
                if response.status_code == 416:
                    whole = re.fullmatch(rf"bytes \*/{offset}", response.headers.get("Content-Range", ""))
                    if whole and self._facts.size in (None, offset):
                        return  # the part was already whole
                    self._discard()
                    raise _Again("the server has another file than the part that is here")
                start = self._start_of(response, offset, noted)
                self._receive(response, start)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _Again(_reason(error)) from error

    def _ask(self, headers: dict[str, str]) -> requests.Response:
        url = file_url(self._shown)
        response = self._get(url, headers)
        if response.ok and is_drive(self._shown) and _is_page(response):
            with response:
                url = behind_drive_page(response.text, self._shown, str(self._target))
            response = self._get(url, headers)
        if response.ok and _is_page(response):
            response.close()
            raise self._page_instead()
        if not response.ok and response.status_code != 416:
            response.close()
            status = f"HTTP {response.status_code} {response.reason}".strip()
            raise self._refused(response.status_code, status, _retry_after(response.headers.get("Retry-After")))
        return response

    def _ask_publisher(self) -> Facts:
        try:
            facts = publisher_facts(self._shown, self._patience.connect)
        except NoFacts as error:
            if error.status is None:
                raise _Again(str(error)) from error
            raise self._refused(error.status, str(error), None) from error
        return facts

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        timeout = (self._patience.connect, self._patience.stall)
        return self._session.get(url, headers=headers, stream=True, timeout=timeout)

    def _refused(self, code: int, status: str, pause: float | None) -> Exception:
        if code in _TRANSIENT:
            return _Again(status, pause)
        if code in (404, 410):
            return UserError(
                f"{self._shown} is no longer there ({status}): save the file from elsewhere as {self._target} and run "
                "the same command again"
            )
        return UserError(
            f"the server refuses {self._shown} ({status}): try again later, or save it with a browser as "
            f"{self._target} and run the same command again"
        )

    def _start_of(self, response: requests.Response, offset: int, noted: dict[str, Any]) -> int:
        """The byte that the body begins with: the offset asked for, or 0 where the server sends everything."""
        total = _total(response)
        if response.status_code == 206:
            begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if begins is None or int(begins[1]) != offset or (noted.get("size") or total) != total:
                self._discard()
                raise _Again("the server sends another range than it was asked for")
            return offset
        self._require_size(total)
        if total is not None and total > (free := shutil.disk_usage(self._target.parent).free):
            raise UserError(
                f"{self._shown} has {spoken_size(total)}, {spoken_size(free)} are free for {self._target}: free some "
                "space or choose another folder"
            )
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        strong = validator if validator and not validator.startswith("W/") else None
        self._discard()
        write_json_atomically(self._note, {"url": self._shown, "validator": strong, "size": total})
        return 0

    def _receive(self, response: requests.Response, start: int) -> None:
        total = _total(response)
        published = self._facts.size if self._facts else None
        if published is not None and total is not None and published != total:
            raise _Again(f"the server announces {total} bytes, the publisher {published}")
        expected = total if total is not None else published
        here, head = start, b""
        slow = _Slowness(self._patience)
        with self._part.open("ab") as part:
            # Whatever has come, at once: a block of a size would be waited for, however slowly it comes.
            while block := response.raw.read1(_BLOCK, decode_content=False):
                if here < _HEAD and _PAGE.match(head := head + block[:_HEAD]):
                    self._discard()
                    raise self._page_instead()
                part.write(block)
                here += len(block)
                if expected is None and self._size is not None and here > self._size * (1 + TOLERANCE):
                    self._discard()
                    self._require_size(here)  # a body without an end
                if expected is not None and here > expected:
                    break
                self._report(here, expected)
                slow.require(len(block))
        if expected is not None and here != expected:
            if here > expected:
                self._discard()
            raise _Again(f"the server sent {here} of {expected} bytes")

    def _page_instead(self) -> UserError:
        return UserError(
            f"the server sends a web page instead of the file {self._shown}: try again later, or save it with a "
            f"browser as {self._target} and run the same command again"
        )

    def _require_size(self, announced: int | None) -> None:
        """The size a table states may be rounded: what is far from it is another file, unless its publisher says so."""
        if self._facts is not None and self._facts.size is not None:
            return
        if self._size is None or announced is None or abs(announced - self._size) <= TOLERANCE * self._size:
            return
        raise UserError(
            f"{self._shown} has {spoken_size(announced)} where {spoken_size(self._size)} are expected: the publisher "
            f"has changed it, or this is another file; save the right one as {self._target}"
        )

    def _verify(self, digest: str | None, verify: Callable[[Path], None] | None) -> None:
        try:
            self._require_size(self._offset())
            if digest is not None and not (found := sha256(self._part)).startswith(digest):
                raise UserError(
                    f"{self._shown} arrived damaged or changed: its sha256 is {found}, not {digest}; nothing of it is "
                    "kept, run the same command again to fetch it anew"
                )
            if verify is not None:
                verify(self._part)
        except UserError:
            self._discard()
            raise

    def _gave_up(self, reason: str, pause: float | None) -> str:
        kept = self._offset()
        wait = f", and asks to wait {pause:.0f} s" if pause else ""
        here = f"{spoken_size(kept)} are kept in {self._part}, " if kept else ""
        return f"{self._shown} could not be fetched ({reason}{wait}): {here}run the same command again later to go on"

    def _offset(self) -> int:
        """Bytes that are here of the file at this URL."""
        return self._part.stat().st_size if self._noted() and self._part.exists() else 0

    def _noted(self) -> dict[str, Any]:
        """What was written of the part; empty where it is the part of another URL."""
        with suppress(OSError, ValueError):
            noted = json.loads(self._note.read_bytes())
            if isinstance(noted, dict) and noted.get("url") == self._shown:
                return noted
        return {}

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)


class _Slowness:
    """Counts bytes; raises _Again at the end of a period that brought too few."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since, self._bytes = time.monotonic(), 0

    def require(self, arrived: int) -> None:
        """Count bytes that have arrived."""
        self._bytes += arrived
        passed = time.monotonic() - self._since
        if passed < self._patience.window:
            return
        if self._bytes < self._patience.slowest * passed:
            raise _Again(f"the server sends {self._bytes / passed:.0f} bytes a second")
        self._since, self._bytes = time.monotonic(), 0


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def _total(response: requests.Response) -> int | None:
    """Bytes of the whole file, as the server announces them."""
    if response.status_code == 206:
        match = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
        return int(match[1]) if match else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    with suppress(TypeError, ValueError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _reason(error: requests.RequestException | urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in str(error):
        return "the server is silent"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError):
        return "the connection was cut"
    return f"no connection: {type(error).__name__}"


def _silent(here: int, total: int | None) -> None:
    pass
