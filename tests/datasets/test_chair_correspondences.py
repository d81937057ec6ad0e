"""Files of correspondences: what is read of them, and that nothing in them is ever run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from datasets.chair_folder import write_chairs
from padbench.errors import UserError
from padbench_datasets.brokenchairs import BrokenChairsDataset
from padbench_datasets.correspondences import read_correspondences


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    return write_chairs(tmp_path / "chairs")


def file_with(pickled: bytes) -> bytes:
    """An .npy file of one object, whose pickle is given."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


def test_correspondences_are_read(root: Path) -> None:
    found = read_correspondences(next(root.glob("shapes/*/mv_images/*.npy")))
    assert found.pixels.shape == (5, 2)
    assert found.visible.all()
    assert found.positions.shape == (4, 4, 3)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_read(root: Path, protocol: int) -> None:
    content = {
        "pxy": np.arange(6, dtype=np.int64).reshape(3, 2),
        "is_visible": np.array([True, False, True]),
        "xyz": np.linspace(0, 1, 12).reshape(2, 2, 3),
    }
    path = root / "points.npy"
    for stored in (content, content | {"xyz": np.asfortranarray(content["xyz"]), "pxy": content["pxy"].astype(">i2")}):
        path.write_bytes(file_with(pickle.dumps(np.array(stored, dtype=object), protocol)))
        found = read_correspondences(path)
        np.testing.assert_array_equal(found.pixels, content["pxy"])
        np.testing.assert_array_equal(found.visible, content["is_visible"])
        np.testing.assert_array_equal(found.positions, content["xyz"])


def test_numbers_of_numpy_in_a_list_are_read(tmp_path: Path) -> None:
    content = {
        "pxy": [[np.int64(3), np.int64(4)]],
        "is_visible": [np.bool_(True)],
        "xyz": np.zeros((1, 1, 3), np.float16),
    }
    np.save(tmp_path / "points.npy", np.array(content, dtype=object), allow_pickle=True)
    found = read_correspondences(tmp_path / "points.npy")
    assert (found.pixels.tolist(), found.visible.tolist()) == ([[3, 4]], [True])


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_a_malicious_pickle_does_not_run(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "pwned"
    path = next(root.glob("shapes/shape_31/mv_images/*.npy"))
    np.save(path, np.array({"pxy": _Malicious(target)}, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="was not executed"):
        read_correspondences(path)
    assert not target.exists()
    assert any("was not executed" in fault for fault in BrokenChairsDataset(root).check())
    assert not target.exists()


@pytest.mark.parametrize(
    "call",
    [
        b"cos\nsystem\n(S'exit 0'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nfrombuffer\n(S'x'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'bz2'\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x0fcore.multiarray\x93.",
        pickle.dumps(np.array(["text"])),
        pickle.dumps(np.array([(1, 2.0)], dtype="i4,f4")),
    ],
)
def test_calls_of_anything_but_arrays_are_refused(tmp_path: Path, call: bytes) -> None:
    path = tmp_path / "points.npy"
    path.write_bytes(file_with(call))
    with pytest.raises(UserError, match="was not executed"):
        read_correspondences(path)


@given(position=some.integers(0, 10_000), byte=some.integers(0, 255), length=some.integers(0, 10_000))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, length: int
) -> None:
    points = {"pxy": np.zeros((5, 2)), "is_visible": np.ones(5, bool), "xyz": np.zeros((2, 2, 3))}
    file = io.BytesIO()
    np.save(file, np.array(points, dtype=object), allow_pickle=True)
    content = bytearray(file.getvalue()[: length or None])
    content[position % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.npy"
    path.write_bytes(content)
    try:
        found = read_correspondences(path)
    except UserError as error:
        assert "damaged.npy" in str(error)
    else:
        assert found.pixels.shape[1:] == (2,)
        assert found.visible.shape == found.pixels.shape[:1]
        assert found.positions.shape[2:] == (3,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        pickle.dumps({"pxy": 1}),
        "array",
        {"pxy": np.zeros((5, 2))},
        {"pxy": 1, "is_visible": 2, "xyz": 3},
        {"pxy": [[1, 2], [3]], "is_visible": [True, True], "xyz": np.zeros((2, 2, 3))},
        {"pxy": [["a", "b"]], "is_visible": [True], "xyz": np.zeros((2, 2, 3))},
    ],
)
def test_damaged_correspondences_are_told_in_a_sentence(root: Path, content: object) -> None:
    path = next(root.glob("shapes/shape_31/mv_images/*.npy"))
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "array":
        np.save(path, np.zeros((3, 2)))
    else:
        np.save(path, np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=path.name):
        read_correspondences(path)
