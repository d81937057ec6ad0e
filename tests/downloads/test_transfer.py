"""Transfers from a server that cuts, stalls, truncates, corrupts and refuses."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock

from downloads.file_server import Fault, FileServer
from padbench.downloads.transfer import Patience, fetch
from padbench.errors import UserError

CONTENT = random.Random(0).randbytes(600_000)
DIGEST = sha256(CONTENT).hexdigest()
QUICK = Patience(attempts=3, first_pause=0.001, longest_pause=0.01, connect=20, stall=20)
IMPATIENT = Patience(attempts=1, first_pause=0.001, longest_pause=0.01, connect=20, stall=20)
PATH = "/set.zip"


@pytest.fixture
def target(tmp_path: Path, server: FileServer) -> Path:
    server.files[PATH] = CONTENT
    return tmp_path / "place" / "set.zip"


# A stall is short: what is not stalled must be quicker, also on a busy machine.
INTERRUPTIONS = pytest.mark.parametrize(("fault", "stall"), [(Fault(cut=300_000), 20.0), (Fault(stall=300_000), 2.0)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def get(server: FileServer, target: Path, patience: Patience = QUICK, **options: object) -> None:
    fetch(server.url + PATH, target, patience=patience, **options)  # type: ignore[arg-type]


def first_byte(asked: str | None) -> int:
    assert asked is not None
    return int(asked.removeprefix("bytes=").removesuffix("-"))


def test_a_file_arrives_whole_and_leaves_nothing_else(server: FileServer, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    get(server, target, digest=DIGEST, size=600_000, report=lambda here, total: told.append((here, total)))
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == {"set.zip"}
    assert told[-1] == (600_000, 600_000)
    assert [here for here, _ in told] == sorted(here for here, _ in told)


def test_what_is_there_is_not_asked_for(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    get(server, target, digest=DIGEST)
    assert server.log == []
    target.write_bytes(b"another")
    with pytest.raises(UserError, match="remove it"):
        get(server, target, digest=DIGEST)


@INTERRUPTIONS
def test_a_cut_or_silent_connection_is_taken_up_where_it_ended(
    server: FileServer, target: Path, fault: Fault, stall: float
) -> None:
    server.faults[PATH] = [fault]
    get(server, target, replace(QUICK, stall=stall), digest=DIGEST)
    assert target.read_bytes() == CONTENT
    whole, rest = server.asked(PATH)
    assert whole is None
    assert 200_000 < first_byte(rest) <= 300_000
    assert server.log[-1].status == 206
    assert server.log[-1].condition is not None


@INTERRUPTIONS
def test_the_next_call_asks_for_the_rest_only(server: FileServer, target: Path, fault: Fault, stall: float) -> None:
    server.faults[PATH] = [fault]
    with pytest.raises(UserError, match=r"set\.zip\.part.*run the same command again") as caught:
        get(server, target, replace(IMPATIENT, stall=stall))
    assert "the server is silent" in str(caught.value) or "cut" in str(caught.value)
    assert not target.exists()
    kept = (target.parent / "set.zip.part").read_bytes()
    assert kept == CONTENT[: len(kept)] and len(kept) > 200_000
    get(server, target, IMPATIENT)
    assert target.read_bytes() == CONTENT
    assert server.asked(PATH) == [None, f"bytes={len(kept)}-"]


def test_a_stop_by_the_user_keeps_what_has_arrived(server: FileServer, target: Path) -> None:
    def stop(here: int, total: int | None) -> None:
        if here > 250_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, target, report=stop)
    assert not target.exists()
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert first_byte(server.asked(PATH)[1]) > 250_000


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(cut=300_000)]
    with pytest.raises(UserError):
        get(server, target, IMPATIENT)
    server.files[PATH] = changed = CONTENT[::-1]
    get(server, target, IMPATIENT)
    assert target.read_bytes() == changed


def test_without_entity_tags_the_size_says_whether_it_is_the_same_file(server: FileServer, target: Path) -> None:
    server.tags = False
    server.faults[PATH] = [Fault(cut=300_000)]
    get(server, target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    server.faults[PATH] = [Fault(cut=300_000)]
    with pytest.raises(UserError):
        get(server, target, IMPATIENT)
    server.files[PATH] = changed = CONTENT[::-1] + b"more"
    get(server, target)
    assert target.read_bytes() == changed


@pytest.mark.parametrize("fault", [Fault(whole=True), Fault(shifted=True)])
def test_a_server_that_ignores_or_shifts_the_range_spoils_nothing(
    server: FileServer, target: Path, fault: Fault
) -> None:
    server.faults[PATH] = [Fault(cut=300_000), fault]
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_not_fetched_again(server: FileServer, target: Path) -> None:
    def stop(here: int, total: int | None) -> None:
        if here == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, target, report=stop)
    (target.parent / "set.zip.part").write_bytes(CONTENT)  # the last block was written, and nothing after it
    get(server, target, digest=DIGEST)
    assert target.read_bytes() == CONTENT
    assert server.asked(PATH) == [None]


def test_the_part_of_another_address_is_not_continued(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(cut=300_000)]
    with pytest.raises(UserError):
        get(server, target, IMPATIENT)
    server.files["/moved.zip"] = CONTENT[::-1]
    fetch(server.url + "/moved.zip", target, patience=QUICK)
    assert server.asked("/moved.zip") == [None]
    assert target.read_bytes() == CONTENT[::-1]


def test_a_damaged_file_is_refused_and_the_next_call_fetches_it_anew(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(corrupt=True)]
    with pytest.raises(UserError, match=f"damaged or changed: its sha256 is .*, not {DIGEST}"):
        get(server, target, digest=DIGEST)
    assert not target.exists() and not (target.parent / "set.zip.part").exists()
    get(server, target, digest=DIGEST)
    assert target.read_bytes() == CONTENT


def test_the_beginning_of_a_sha256_is_enough(server: FileServer, target: Path) -> None:
    get(server, target, digest=DIGEST[:8])
    target.unlink()
    with pytest.raises(UserError, match="damaged or changed"):
        get(server, target, digest="00000000")


def test_an_answer_without_a_length_is_held_to_the_size_that_is_expected(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(unannounced=True, cut=300_000), Fault(unannounced=True)]
    with pytest.raises(UserError, match="600 kB are expected"):
        get(server, target, size=600_000)
    get(server, target, size=600_000)
    assert target.read_bytes() == CONTENT


def test_a_body_without_an_end_is_not_read_to_it(server: FileServer, target: Path) -> None:
    server.files[PATH] = CONTENT * 10
    server.faults[PATH] = [Fault(unannounced=True)]
    told: list[int] = []
    with pytest.raises(UserError, match="600 kB are expected"):
        get(server, target, size=600_000, report=lambda here, total: told.append(here))
    assert max(told) < 700_000
    assert not (target.parent / "set.zip.part").exists()


def test_another_file_of_another_size_is_not_even_fetched(server: FileServer, target: Path) -> None:
    with pytest.raises(UserError, match=r"has 600 kB where 970 MB are expected"):
        get(server, target, size=970_000_000)
    assert names(target.parent) == set()
    get(server, target, size=630_000)  # sizes of tables are rounded
    assert target.exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_of_the_server_is_waited_for(server: FileServer, target: Path, status: int) -> None:
    server.faults[PATH] = [Fault(status=status, headers={"Retry-After": "0"}), Fault(status=status)]
    get(server, target, digest=DIGEST)
    assert target.read_bytes() == CONTENT
    assert [request.status for request in server.log] == [status, status, 200]


@pytest.mark.parametrize("status", [429, 500])
def test_a_lasting_trouble_ends_after_the_attempts(server: FileServer, target: Path, status: int) -> None:
    server.faults[PATH] = [Fault(status=status)] * 9
    with pytest.raises(UserError, match=f"HTTP {status}.*run the same command again later"):
        get(server, target)
    assert len(server.log) == QUICK.attempts
    assert not target.exists()


def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(UserError, match="asks to wait 3600 s"):
        get(server, target)
    assert len(server.log) == 1


@pytest.mark.parametrize(("status", "sentence"), [(401, "refuses"), (403, "refuses"), (404, "no longer there")])
def test_a_refusal_is_final_and_says_what_a_person_can_do(
    server: FileServer, target: Path, status: int, sentence: str
) -> None:
    server.faults[PATH] = [Fault(cut=300_000), Fault(status=status)]
    with pytest.raises(UserError, match=rf"{sentence}.*HTTP {status}.*{target}"):
        get(server, target)
    assert len(server.log) == 2
    get(server, target)  # what had arrived is still there
    assert first_byte(server.asked(PATH)[2]) > 200_000
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/html; charset=utf-8"}, {"Content-Type": "application/octet-stream"}]
)
def test_a_web_page_is_not_taken_for_the_file(server: FileServer, target: Path, headers: dict[str, str]) -> None:
    page = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
    server.faults[PATH] = [Fault(status=200, headers=headers, body=page)]
    with pytest.raises(UserError, match=r"web page instead of the file .*set\.zip"):
        get(server, target)
    assert not target.exists() and not (target.parent / "set.zip.part").exists()
    get(server, target)
    assert target.read_bytes() == CONTENT


def test_a_web_page_in_the_middle_of_a_resumed_file_costs_nothing(server: FileServer, target: Path) -> None:
    page = Fault(status=200, headers={"Content-Type": "text/html"}, body=b"<html>quota</html>")
    server.faults[PATH] = [Fault(cut=300_000), page]
    with pytest.raises(UserError, match="web page"):
        get(server, target)
    get(server, target)
    assert first_byte(server.asked(PATH)[2]) > 200_000
    assert target.read_bytes() == CONTENT


def test_attempts_count_only_while_nothing_arrives(server: FileServer, target: Path) -> None:
    server.files[PATH] = large = CONTENT * 12
    server.faults[PATH] = [Fault(cut=1_200_000)] * 5  # of what is asked for: each brings more than a MiB
    get(server, target, replace(QUICK, attempts=2))
    assert target.read_bytes() == large


def test_a_file_that_begins_anew_again_and_again_is_given_up(server: FileServer, target: Path) -> None:
    server.files[PATH] = CONTENT * 12
    # In turn more than a MiB from the beginning, and another range than asked for, which discards it.
    server.faults[PATH] = [Fault(cut=2_000_000, whole=True), Fault(shifted=True)] * 20
    with pytest.raises(UserError, match="could not be fetched"):
        get(server, target, replace(QUICK, attempts=4))
    assert len(server.log) <= 5
    assert not target.exists()


def test_a_server_that_sends_byte_by_byte_is_not_waited_for(server: FileServer, target: Path) -> None:
    server.faults[PATH] = [Fault(drip=0.01)]
    with pytest.raises(UserError, match="bytes a second"):
        get(server, target, replace(IMPATIENT, window=0.5))
    server.faults[PATH] = [Fault(drip=0.01)]
    get(server, target, replace(QUICK, window=0.5))  # the next attempt is quick, and goes on
    assert target.read_bytes() == CONTENT
    assert first_byte(server.asked(PATH)[2]) > 5


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no connection"):
        fetch("http://127.0.0.1:9/set.zip", tmp_path / "set.zip", patience=QUICK)


def test_a_file_that_does_not_pass_the_callers_test_gets_no_name(server: FileServer, target: Path) -> None:
    def refuse(part: Path) -> None:
        assert part.read_bytes() == CONTENT and not target.exists()
        raise UserError("these are no weights")

    with pytest.raises(UserError, match="no weights"):
        get(server, target, verify=refuse)
    assert names(target.parent) <= {"set.zip.part.json"}


def test_two_downloads_of_one_file_are_kept_apart(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    with (
        FileLock(target.parent / "set.zip.lock"),
        pytest.raises(UserError, match="being downloaded by another process"),
    ):
        get(server, target)
    assert server.log == []


def test_a_folder_that_cannot_be_written(server: FileServer, target: Path) -> None:
    target.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(UserError, match=f"cannot write {target}"):
        get(server, target)
