"""The .ply file: standard layout, bit-exact round trip, damaged files refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from padbench.errors import UserError
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.ply import read_ply, write_ply

Table = NDArray[np.float32]
STANDARD = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
STANDARD += ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def gaussians_from(table: Table) -> Gaussians:
    parts = torch.split(torch.from_numpy(table), [3, 4, 3, 1, 3], dim=1)
    return Gaussians(parts[0], parts[1], parts[2], parts[3][:, 0], parts[4])


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "point_cloud.ply"
    write_ply(gaussians_from(np.arange(70, dtype=np.float32).reshape(5, 14)), path)
    return path


@given(table=arrays(np.float32, st.tuples(st.integers(0, 5), st.just(14)), elements=finite))
def test_round_trip_is_bit_exact(tmp_path_factory: pytest.TempPathFactory, table: Table) -> None:
    path = tmp_path_factory.mktemp("ply") / "g.ply"
    written = gaussians_from(table)
    write_ply(written, path)
    for before, after in zip(written.tensors(), read_ply(path).tensors(), strict=True):
        assert after.shape == before.shape
        assert after.numpy().tobytes() == before.contiguous().numpy().tobytes()


def test_layout_is_that_of_the_reference_implementation(stored: Path) -> None:
    header = stored.read_bytes().split(b"end_header\n")[0].decode()
    assert header.startswith("ply\nformat binary_little_endian 1.0\n")
    assert re.findall(r"property float (\w+)", header) == [*STANDARD[:3], "nx", "ny", "nz", *STANDARD[3:]]
    first = PlyData.read(str(stored))["vertex"][0]
    # The table's columns are means, quats, log scales, opacity logit, colour.
    assert [first[name] for name in ("x", "y", "z")] == [0, 1, 2]
    assert [first[f"rot_{i}"] for i in range(4)] == [3, 4, 5, 6]
    assert [first[f"scale_{i}"] for i in range(3)] == [7, 8, 9]
    assert first["opacity"] == 10
    assert [first[f"f_dc_{i}"] for i in range(3)] == [11, 12, 13]


@pytest.mark.parametrize("length", [0, 3, 120, -1, -200])
def test_truncated_file_is_refused(stored: Path, length: int) -> None:
    stored.write_bytes(stored.read_bytes()[:length])
    with pytest.raises(UserError, match=re.escape(str(stored))):
        read_ply(stored)


@given(position=st.integers(0, 600), value=st.integers(0, 255))
def test_flipped_byte_gives_gaussians_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("ply") / "g.ply"
    write_ply(gaussians_from(np.ones((4, 14), np.float32)), path)
    content = bytearray(path.read_bytes())
    content[min(position, len(content) - 1)] = value
    path.write_bytes(bytes(content))
    try:
        assert all(tensor.isfinite().all() for tensor in read_ply(path).tensors())
    except UserError as error:
        assert str(path) in str(error)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.ply"):
        read_ply(tmp_path / "absent.ply")


def write_with(path: Path, names: list[str], value: float) -> None:
    vertices = np.full(2, value, dtype=[(name, "f4") for name in names])
    PlyData([PlyElement.describe(vertices, "vertex")]).write(str(path))


@pytest.mark.parametrize(
    ("names", "value", "message"),
    [
        (["x", "y", "z"], 0.0, "f_dc_0"),
        ([*STANDARD, "f_rest_0"], 0.0, "degree 0"),
        (STANDARD, np.nan, "not finite"),
    ],
)
def test_file_that_cannot_be_rendered_is_refused(tmp_path: Path, names: list[str], value: float, message: str) -> None:
    write_with(tmp_path / "g.ply", names, value)
    with pytest.raises(UserError, match=message):
        read_ply(tmp_path / "g.ply")
