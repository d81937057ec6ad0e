"""Pictures of queries: what they show, where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from evaluate.run_folders import write_run
from padbench.evaluate import write_pictures
from padbench.report.colour_scale import ColourScale, colours


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_picture_per_query_with_all_panels(tmp_path: Path) -> None:
    """Every query has one; a defect is outlined in the map and in the ground truth, a normal query is not."""
    run = write_run(tmp_path, renderings=True)
    files = write_pictures(run)
    assert [file.stem for file in files] == list(run.predictions()["id"])
    assert all(file.parent == run.path / "pictures" for file in files)
    outlined = {file.stem: int((_pixels(file) == (0, 220, 235)).all(axis=2).sum()) for file in files}
    assert all((count > 0) == (not name.startswith("good")) for name, count in outlined.items())
    assert len({_pixels(file).shape for file in files}) == 1
    # The grey rendering fills its panel.
    assert (_pixels(files[0]) == 128).all(axis=2).sum() > 100_000


def test_a_failed_query_and_absent_renderings_leave_empty_panels(tmp_path: Path) -> None:
    """Nothing is invented for what is not there."""
    run = write_run(tmp_path, failed=("Burrs_0",))
    files = {file.stem: file for file in write_pictures(run)}
    empty = {name: int((_pixels(file) == (240, 240, 242)).all(axis=2).sum()) for name, file in files.items()}
    assert empty["Burrs_0"] > 1.9 * empty["Burrs_1"] > 100_000


def test_the_colour_scale_spans_the_percentiles_of_the_unit() -> None:
    """Common to all maps; outliers take the end colours; a constant unit does not divide by zero."""
    maps = [np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100), np.full((100, 100), 0.5, dtype=np.float32)]
    maps[0][0, 0] = 1e6
    scale = ColourScale.of(maps)
    assert 0.0 < scale.low < 0.05 and 0.99 < scale.high < 1.01
    assert scale.position(np.array([-9, scale.low, scale.high, 1e6], dtype=np.float32)).tolist() == [0, 0, 1, 1]
    constant = ColourScale.of(maps[1:])
    assert constant.position(maps[1]).max() == 0.0
    ramp = colours(np.linspace(0, 1, 50)) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(ramp) > 0).all()  # brighter is more anomalous, also in grey print
