"""A file server on 127.0.0.1 that fails in the ways real ones do, and remembers what it was asked."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer.

    cut, stall: the body ends, or pauses until the server is closed, after so many of its bytes. status, headers, body:
    the answer instead of the file. drip: seconds between single bytes. corrupt: one byte is another. unannounced: no
    Content-Length. whole: the range is ignored. shifted: the range begins one byte early.
    """

    cut: int | None = None
    stall: int | None = None
    drip: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    corrupt: bool = False
    unannounced: bool = False
    whole: bool = False
    shifted: bool = False


@dataclass(frozen=True)
class Asked:
    """A request: its method and path, the range and the condition it names, the status it got."""

    method: str
    path: str
    range: str | None
    condition: str | None
    status: int


@dataclass
class FileServer:
    """files: path -> content. faults: path -> what goes wrong, one for each request in turn.

    tags: whether files have ETags. hub: paths answered as the Hugging Face Hub answers: with the sha256 of the file,
    and from another place.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    log: list[Asked] = field(default_factory=list)
    hub: set[str] = field(default_factory=set)
    tags: bool = True
    closing: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> list[str | None]:
        """The ranges of the GETs of a path, in turn."""
        return [request.range for request in self.log if request.path == path and request.method == "GET"]


@contextmanager
def serving() -> Iterator[FileServer]:
    """Run a server in a thread."""
    server = FileServer()

    class Handler(_Handler):
        files = server

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    files: FileServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        waiting = self.files.faults[self.path]
        fault = waiting.pop(0) if waiting else Fault()
        content = self.files.files.get(self.path)
        if fault.status is not None:
            self._send(fault.status, fault.headers, fault.body)
        elif content is None:
            self._send(404, {"Content-Type": "text/html"}, b"<html>not found</html>")
        elif self.path in self.files.hub:
            facts = {"X-Linked-ETag": f'"{sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))}
            self.files.files[f"/cdn{self.path}"] = content
            # The Hub's client follows redirects within a host only.
            elsewhere = self.files.url.replace("127.0.0.1", "localhost")
            self._send(302, {"Location": f"{elsewhere}/cdn{self.path}", "X-Repo-Commit": "c" * 40, **facts}, b"")
        else:
            self._send_file(content, fault)

    def _send_file(self, content: bytes, fault: Fault) -> None:
        tag = f'"{sha256(content).hexdigest()[:16]}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        current = self.headers.get("If-Range") in (None, tag)
        headers = {"Content-Type": "application/octet-stream", **({"ETag": tag} if self.files.tags else {})}
        if asked and current and not fault.whole:
            begin = int(asked[1]) - fault.shifted
            if begin >= len(content):
                self._send(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                return
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self._send(206, headers, content[begin:], fault)
            return
        self._send(200, headers, content, fault)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, fault: Fault | None = None) -> None:
        fault = fault or Fault()
        condition = self.headers.get("If-Range")
        self.files.log.append(Asked(self.command, self.path, self.headers.get("Range"), condition, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not fault.unannounced:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.corrupt:
            body = body[:-1] + bytes([body[-1] ^ 0xFF])
        sent = fault.cut if fault.cut is not None else fault.stall
        if fault.drip is not None:
            for index in range(len(body)):
                if self.files.closing.wait(fault.drip):
                    break
                with suppress(OSError):
                    self.wfile.write(body[index : index + 1])
        else:
            self.wfile.write(body[:sent])
        if fault.stall is not None:
            self.wfile.flush()
            self.files.closing.wait(20)
        self.close_connection = True
