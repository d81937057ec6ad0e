"""Run directories: what a unit of work leaves on disk, and how it is read back. The format is public (README)."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from padbench.atomic import write_atomically
from padbench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
POSE_COLUMNS = ("coarse_world_to_camera", "world_to_camera")
_LEVELS = 65535


@dataclass(frozen=True)
class Unit:
    """A unit of work: atomic, resumable, distributable."""

    dataset: str
    method: str
    profile: str
    task: str
    seed: int

    def folder(self, out: Path) -> Path:
        """Where the unit lives below the output folder."""
        return out / self.dataset / self.method / self.profile / self.task / f"seed{self.seed}"

    def __str__(self) -> str:
        return f"{self.method} ({self.profile}) on {self.dataset}/{self.task}, seed {self.seed}"


class RunFolder:
    """One unit on disk, for reading."""

    def __init__(self, path: Path) -> None:
        """Open a folder that holds a unit.json; raises UserError when it is absent, damaged or of another schema."""
        self.path = path
        file = path / "unit.json"
        try:
            self.info: dict[str, Any] = json.loads(file.read_text())
        except FileNotFoundError:
            raise UserError(
                f"{path} holds no run: unit.json is missing; give a folder that 'padbench run' wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be read ({error}); run the unit again with --overwrite") from error
        if self.info.get("schema") != SCHEMA:
            raise UserError(
                f"{file} has schema {self.info.get('schema')!r}, this padbench reads {SCHEMA}; run the unit again"
            )
        self.unit = Unit(**self.info["unit"])

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe the unit was run with; raises UserError when it is absent or damaged."""
        from padbench.recipes import read_yaml

        file = self.path / "recipe.yaml"
        try:
            content = read_yaml(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be read ({error}); run the unit again with --overwrite") from error
        if not isinstance(content, dict) or not {"method", "deviations"} <= content.keys():
            raise UserError(f"{file} is not a resolved recipe; run the unit again with --overwrite")
        return content

    def predictions(self) -> pd.DataFrame:
        """A row per predicted query, in the order of prediction; see the README for the columns."""
        return read_predictions(self.path)

    def anomaly_map(self, row: Any) -> NDArray[np.float32]:
        """The anomaly map of a row of `predictions()`, (H, W) float32."""
        levels = _read_image(self.path / "maps" / f"{row['id']}.png")
        values: NDArray[np.float64] = row["map_offset"] + row["map_scale"] * levels.astype(np.float64)
        return values.astype(np.float32)

    def rendering(self, query_id: str) -> NDArray[np.float32] | None:
        """The normal rendering a query was compared with, (H, W, 3) float32 in [0, 1]; None where there is none."""
        path = self.path / "renders" / f"{query_id}.png"
        return _read_image(path).astype(np.float32) / np.float32(255) if path.exists() else None


def find_runs(roots: Sequence[Path]) -> list[RunFolder]:
    """Open every unit below the given folders, sorted by path; raises UserError for a folder that does not exist."""
    files: set[Path] = set()
    for root in roots:
        if not root.is_dir():
            raise UserError(f"{root} is not a folder; give a folder that 'padbench run' wrote, such as runs")
        files.update(root.rglob("unit.json"))
    return [RunFolder(file.parent) for file in sorted(files)]


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read predictions.parquet of a unit; an absent file gives an empty table. Raises UserError when damaged."""
    import pandas as pd

    path = folder / "predictions.parquet"
    if not path.exists():
        return pd.DataFrame({"id": pd.Series([], dtype=str)})
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); run the unit again with --overwrite") from error


def write_predictions(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace predictions.parquet by the given rows, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pose = pa.list_(pa.float64())
    fixed = {
        "id": pa.string(),
        "image_score": pa.float64(),
        "threshold": pa.float64(),
        "box": pa.list_(pa.float64()),
        "map_offset": pa.float64(),
        "map_scale": pa.float64(),
        **dict.fromkeys(POSE_COLUMNS, pose),
        "error": pa.string(),
    }
    stages = sorted({key for row in rows for key in row if key.startswith("seconds.")})
    schema = pa.schema([*fixed.items(), *((stage, pa.float64()) for stage in stages)])
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema), buffer
    )
    write_atomically(folder / "predictions.parquet", buffer.getvalue())


def write_anomaly_map(folder: Path, query_id: str, anomaly_map: NDArray[np.float32]) -> dict[str, float]:
    """Store an (H, W) anomaly map as a 16-bit PNG; returns map_offset and map_scale for its row.

    Value = map_offset + map_scale * level, so the error is at most half of 1/65535 of the map's range.
    """
    values = anomaly_map.astype(np.float64)
    offset = float(values.min())
    scale = (float(values.max()) - offset) / _LEVELS
    levels = np.zeros(values.shape) if scale == 0 else np.rint((values - offset) / scale)
    _write_png(folder / "maps" / f"{query_id}.png", np.clip(levels, 0, _LEVELS).astype(np.uint16))
    return {"map_offset": offset, "map_scale": scale}


def write_rendering(folder: Path, query_id: str, rgb: NDArray[np.float32]) -> None:
    """Store an (H, W, 3) rendering in [0, 1] as an 8-bit PNG."""
    _write_png(folder / "renders" / f"{query_id}.png", np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8))


def _write_png(path: Path, pixels: NDArray[Any]) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    write_atomically(path, buffer.getvalue())


def _read_image(path: Path) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete the unit's folder and run it again") from error
