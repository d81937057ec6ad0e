"""Everything of one shape as files in the layout of BrokenChairs: grey views, queries, masks and annotations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from padbench.scene import Matrix
from padbench_datasets.chair_names import DEFECTS, Orbit
from padbench_datasets.chairs.defects import with_defect
from padbench_datasets.chairs.parts import Part, chair
from padbench_datasets.chairs.reference_views import TARGET, camera_parameters, intrinsics, write_views
from padbench_datasets.chairs.rendering import Caster, Lighting, Picture
from padbench_datasets.chairs.textures import COUNT, Texture

NORMAL_QUERIES = 6

_SAMPLES = 2
# A defect that changes fewer pixels of 256x256 by more than this is not to be seen.
_LEAST_PIXELS, _LEAST_CHANGE = 60, 18
# Of one ray a pixel: enough to tell most defects that are hidden, for a hundredth of the price.
_PREVIEW, _PREVIEW_PIXELS = 64, 3
_TRIES = 400
_SWAPPED_FROM = 10_000_000
"""Seeds of the chairs that parts are taken from; no shape of the data set has one of them."""


@dataclass(frozen=True)
class _Pose:
    """How a query is taken."""

    orbit: Orbit
    texture: int
    light: int
    background: Matrix

    @staticmethod
    def draw(generator: Generator) -> _Pose:
        orbit = Orbit(
            round(float(generator.uniform(2.0, 2.5)), 2),
            int(generator.integers(360)),
            int(generator.integers(-10, 46)),
        )
        background = np.ones(3) if generator.random() < 0.5 else generator.uniform(0.82, 1.0, 3)
        return _Pose(orbit, int(generator.integers(COUNT)), int(generator.integers(8)), background)

    @property
    def name(self) -> str:
        return f"{self.texture}_{self.orbit.radius}_{self.orbit.azimuth}_{self.orbit.elevation}_{self.light}"

    @property
    def camera_to_world(self) -> Matrix:
        return self.orbit.camera_to_world(TARGET)

    def picture(self, caster: Caster, size: int, samples: int = _SAMPLES) -> Picture:
        angle = self.light * np.pi / 4
        direction = np.array([np.cos(angle), 1.2, np.sin(angle)])
        lighting = Lighting(direction / np.linalg.norm(direction), self.background, shadows=True)
        paint = Texture(self.texture).colours
        return caster.picture(self.camera_to_world, intrinsics(size), size, samples, paint, lighting)


@dataclass(frozen=True)
class _Anomaly:
    """A query that shows a defect. was, is_: (H, W) the changed part before and after the change."""

    defect: str
    part: Part
    pose: _Pose
    rgb: NDArray[np.uint8]
    was: NDArray[np.bool_]
    is_: NDArray[np.bool_]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Where the defect is: of what is gone only the place where it was can be marked."""
        return self.was if self.defect in ("missing", "damaged") else self.is_


def write_shape(root: Path, seed: int, shape: str, size: int) -> None:
    """Write one shape with images of size x size px; its folder below `shapes` appears last, when it is complete.

    What an interrupted call left behind is replaced. The same seed and size give the same files.
    """
    generator = np.random.default_rng([seed, 1])
    parts = chair(seed)
    images, annotations = root / "images" / f"shape_{shape}", root / "annotations" / f"shape_{shape}"
    final = root / "shapes" / f"shape_{shape}"
    partial = final.with_name(f".{final.name}")
    for folder in (final, images, annotations, partial):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (images, annotations, partial):
        folder.mkdir(parents=True)
    caster = Caster(parts)
    write_views(partial / "mv_images", shape, parts, caster, generator, size)
    _write_mesh(partial / "model.obj", parts)
    for _ in range(NORMAL_QUERIES):
        pose = _Pose.draw(generator)
        _save(images / f"render_{shape}_{pose.name}_normal.png", pose.picture(caster, size).rgb)
    others = [part for offset in range(4) for part in chair(_SWAPPED_FROM + 4 * seed + offset)]
    for defect in (*DEFECTS, DEFECTS[int(generator.integers(len(DEFECTS)))]):
        _write_anomaly(images, annotations, shape, _anomaly(parts, caster, defect, others, generator, size))
    partial.rename(final)


def _write_mesh(path: Path, parts: Sequence[Part]) -> None:
    """An .obj with one object for each part."""
    lines, first = [], 1
    for part in parts:
        lines.append(f"o {part.name}")
        lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in part.mesh.vertices]
        lines += [f"f {a} {b} {c}" for a, b, c in part.mesh.faces + first]
        first += len(part.mesh.vertices)
    path.write_text("\n".join(lines) + "\n")


def _anomaly(
    parts: Sequence[Part], caster: Caster, defect: str, others: Sequence[Part], generator: Generator, size: int
) -> _Anomaly:
    """Draw part, change and pose until the defect is to be seen."""
    for _ in range(_TRIES):
        changed = with_defect(parts, defect, others, generator)
        pose = _Pose.draw(generator)
        if changed is None:
            continue
        old, new = changed
        place = next(index for index, part in enumerate(parts) if part is old)
        # The changed part comes last: its index in the picture is then known, also where a part is missing.
        rest = [part for part in parts if part is not old]
        broken = Caster([*rest, new] if new is not None else rest)
        before, after = (pose.picture(either, _PREVIEW, 1) for either in (caster, broken))
        if _changed_pixels(before, after, place, len(rest)) < _PREVIEW_PIXELS:
            continue
        before, after = (pose.picture(either, size) for either in (caster, broken))
        if _changed_pixels(before, after, place, len(rest)) < _LEAST_PIXELS * (size / 256) ** 2:
            continue
        anomaly = _Anomaly(defect, old, pose, after.rgb, before.part == place, after.part == len(rest))
        if anomaly.shown.any():
            return anomaly
    raise RuntimeError(f"no visible defect {defect!r} was found in {_TRIES} tries")


def _changed_pixels(before: Picture, after: Picture, old: int, new: int) -> int:
    difference = np.abs(before.rgb.astype(int) - after.rgb).max(axis=2) > _LEAST_CHANGE
    return int((difference & ((before.part == old) | (after.part == new))).sum())


def _write_anomaly(images: Path, annotations: Path, shape: str, anomaly: _Anomaly) -> None:
    pose, size = anomaly.pose, len(anomaly.rgb)
    name = f"{shape}_{pose.name}_anomaly_{anomaly.defect}_{anomaly.part.name}"
    _save(images / f"render_{name}.png", anomaly.rgb)
    for prefix, mask in (("old", anomaly.was), ("new", anomaly.is_)):
        if mask.any():
            _save(annotations / f"mask_{prefix}_{name}.png", mask.astype(np.uint8) * 255)
    info = {
        "2d_bbox": _box(anomaly.shown),
        "image_size": [size, size],
        "anomaly_type": anomaly.defect,
        "part": anomaly.part.name,
        "part_kind": anomaly.part.kind,
        "texture_id": pose.texture,
        "camera_parameters": camera_parameters(pose.camera_to_world, size),
    }
    (annotations / f"info_{name}.json").write_text(json.dumps(info))


def _box(mask: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    Image.fromarray(pixels).save(path)
