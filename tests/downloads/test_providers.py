"""Google Drive and the Hugging Face Hub, played by the local server; their own clients read its answers."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from downloads.file_server import Fault, FileServer
from padbench.downloads.transfer import Patience, fetch
from padbench.errors import UserError

CONTENT = random.Random(1).randbytes(400_000)
QUICK = Patience(attempts=3, first_pause=0.001, longest_pause=0.01, connect=20, stall=20)

ID = "1XlW5v_PCXMH49RSKICkskKjd2A5YDMQq"
PAGE = f"https://drive.google.com/file/d/{ID}/view"
LINK, FILE = (
    f"/drive.google.com/uc?id={ID}",
    f"/drive.usercontent.google.com/download?id={ID}&export=download&confirm=t",
)
CONFIRM = (  # in one line, as Drive sends it
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    f'<input type="hidden" name="id" value="{ID}"><input type="hidden" name="export" value="download">'
    '<input type="hidden" name="confirm" value="t"></form></body></html>'
)
QUOTA = """<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">Sorry, you can't view or download this file at this time.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try later.</p>
</body></html>"""
HTML = {"Content-Type": "text/html; charset=utf-8"}

HUB = "/datasets/somebody/chairs/resolve/main/images.zip"


def page(text: str) -> Fault:
    return Fault(status=200, headers=HTML, body=text.encode())


def test_drive_asks_to_confirm_and_sends_the_file(drive: FileServer, tmp_path: Path) -> None:
    drive.faults[LINK] = [page(CONFIRM)]
    drive.files[FILE] = CONTENT
    fetch(PAGE, tmp_path / "set.zip", patience=QUICK)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_drive_sends_a_small_file_without_asking(drive: FileServer, tmp_path: Path) -> None:
    drive.files[LINK] = CONTENT
    fetch(PAGE, tmp_path / "set.zip", patience=QUICK)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_cut_transfer_from_drive_goes_on_where_it_ended(drive: FileServer, tmp_path: Path) -> None:
    drive.faults[LINK] = [page(CONFIRM)] * 2
    drive.files[FILE] = CONTENT
    drive.faults[FILE] = [Fault(cut=200_000)]
    fetch(PAGE, tmp_path / "set.zip", patience=QUICK)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    first, rest = drive.asked(FILE)
    assert first is None and rest is not None and 100_000 < int(rest[6:-1]) <= 200_000


@pytest.mark.parametrize("place", [LINK, FILE])
def test_drives_quota_page_is_no_data_set(drive: FileServer, tmp_path: Path, place: str) -> None:
    drive.faults[LINK] = [page(CONFIRM)]
    drive.faults[place] = [page(QUOTA)]
    drive.files[FILE] = CONTENT
    with pytest.raises(UserError, match="web page instead of the file") as caught:
        fetch(PAGE, tmp_path / "set.zip", patience=QUICK)
    if place == LINK:
        assert "Too many users have viewed or downloaded this file recently" in str(caught.value)
    assert str(tmp_path / "set.zip") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404])
def test_drive_refuses(drive: FileServer, tmp_path: Path, status: int) -> None:
    drive.faults[LINK] = [Fault(status=status, headers=HTML, body=b"<html>sorry</html>")]
    with pytest.raises(UserError, match=f"HTTP {status}"):
        fetch(PAGE, tmp_path / "set.zip", patience=QUICK)


def test_drive_is_busy_and_then_not(drive: FileServer, tmp_path: Path) -> None:
    drive.faults[LINK] = [Fault(status=429), Fault(status=500), page(CONFIRM)]
    drive.files[FILE] = CONTENT
    fetch(PAGE, tmp_path / "set.zip", patience=QUICK)
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


@pytest.fixture
def hub(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[HUB] = CONTENT
    server.hub.add(HUB)
    return server


def test_the_hub_sends_a_file_from_another_place(hub: FileServer, tmp_path: Path) -> None:
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT


def test_the_hubs_sha256_is_compared_though_no_table_states_one(hub: FileServer, tmp_path: Path) -> None:
    hub.faults[f"/cdn{HUB}"] = [Fault(corrupt=True)]
    with pytest.raises(UserError, match=f"damaged or changed.*{sha256(CONTENT).hexdigest()}"):
        fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert not (tmp_path / "images.zip").exists()
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT


def test_a_cut_transfer_from_the_hub_goes_on_in_the_next_call(hub: FileServer, tmp_path: Path) -> None:
    hub.faults[f"/cdn{HUB}"] = [Fault(cut=200_000)]
    with pytest.raises(UserError, match="cut"):
        fetch(
            f"https://huggingface.co{HUB}",
            tmp_path / "images.zip",
            patience=replace(QUICK, attempts=1),
        )
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT
    _, rest = hub.asked(f"/cdn{HUB}")
    assert rest is not None and 100_000 < int(rest[6:-1]) <= 200_000


def test_a_file_that_the_hub_truncates_is_not_taken(hub: FileServer, tmp_path: Path) -> None:
    hub.files[f"/cdn{HUB}"] = CONTENT
    hub.faults[f"/cdn{HUB}"] = [Fault(status=200, body=CONTENT[:1000])] * 3
    with pytest.raises(UserError, match="announces 1000 bytes, the publisher 400000"):
        fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert not (tmp_path / "images.zip").exists()


def test_a_file_of_unannounced_length_is_as_long_as_the_hub_says(hub: FileServer, tmp_path: Path) -> None:
    hub.faults[f"/cdn{HUB}"] = [Fault(cut=200_000, unannounced=True)]
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT
    assert hub.asked(f"/cdn{HUB}") == [None, "bytes=200000-"]


def test_what_the_hub_says_of_a_size_holds_before_the_tables(hub: FileServer, tmp_path: Path) -> None:
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK, size=1_000_000)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT


def test_an_error_that_is_not_of_the_network_is_not_called_one(
    hub: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise TypeError("our own mistake")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", broken)
    with pytest.raises(TypeError, match="our own mistake"):
        fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_the_hub_refuses(hub: FileServer, tmp_path: Path, status: int) -> None:
    hub.faults[HUB] = [Fault(status=status)]
    with pytest.raises(UserError, match=f"HTTP {status}"):
        fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert len(hub.log) == 1


def test_the_hub_is_busy_and_then_not(hub: FileServer, tmp_path: Path) -> None:
    hub.faults[HUB] = [Fault(status=429), Fault(status=503)]
    fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
    assert (tmp_path / "images.zip").read_bytes() == CONTENT


def test_the_hub_is_silent(hub: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="no connection"):
        fetch(f"https://huggingface.co{HUB}", tmp_path / "images.zip", patience=QUICK)
