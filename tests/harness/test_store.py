"""The public file format: what is written is what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from padbench.errors import UserError
from padbench.store import (
    RunFolder,
    find_runs,
    read_predictions,
    write_anomaly_map,
    write_predictions,
)

finite = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=finite))
def test_anomaly_maps_are_kept_to_half_a_level(tmp_path_factory: pytest.TempPathFactory, values: Any) -> None:
    folder = tmp_path_factory.mktemp("unit")
    row = {"id": "q", **write_anomaly_map(folder, "q", values)}
    run = RunFolder.__new__(RunFolder)
    run.path = folder
    read = run.anomaly_map(row)
    assert read.shape == values.shape
    assert read.dtype == np.float32
    spread = float(values.max()) - float(values.min())
    assert np.abs(read.astype(np.float64) - values).max() <= 0.5001 * spread / 65535 + 1e-7 * np.abs(values).max()


number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(min_size=1, max_size=8),
            "image_score": number,
            "world_to_camera": st.none() | st.lists(st.floats(-1e3, 1e3), min_size=16, max_size=16),
            "seconds.detect": number,
            "error": st.none() | st.text(max_size=5),
        }
    ),
    min_size=1,
    max_size=4,
)


@given(rows)
def test_rows_survive(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("unit")
    write_predictions(folder, rows)
    table = read_predictions(folder)
    assert len(table) == len(rows)
    for row, (_, read) in zip(rows, table.iterrows(), strict=True):
        for key, value in row.items():
            if isinstance(value, list):
                assert list(read[key]) == value
            elif value is None:
                assert read[key] is None or read[key] != read[key]
            else:
                assert read[key] == value


def test_a_damaged_table_is_one_sentence(tmp_path: Path) -> None:
    write_predictions(tmp_path, [{"id": "a"}])
    file = tmp_path / "predictions.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"predictions\.parquet cannot be read.*--overwrite"):
        read_predictions(tmp_path)


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unit\.json is missing"):
        RunFolder(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        find_runs([tmp_path / "absent"])
    assert find_runs([tmp_path]) == []


def test_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "unit.json").write_text('{"schema": 2}')
    with pytest.raises(UserError, match=r"schema 2, this padbench reads 1"):
        RunFolder(tmp_path)
