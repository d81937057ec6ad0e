"""A local server, and everything padbench keeps in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from downloads.file_server import FileServer, serving


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where padbench keeps its files in this test."""
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PADBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    return tmp_path / "home"


@pytest.fixture
def drive(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """The server in the place of Google Drive's hosts: https://HOST/PATH is its /HOST/PATH."""
    send = HTTPAdapter.send

    def redirected(self: HTTPAdapter, request: requests.PreparedRequest, **options: object) -> requests.Response:
        assert request.url is not None
        if ".google.com/" in request.url:
            request.url = request.url.replace("https://", f"{server.url}/")
        assert request.url.startswith(server.url), f"a test would reach {request.url}"
        return send(self, request, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(HTTPAdapter, "send", redirected)
    return server
