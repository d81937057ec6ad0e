"""The standard 3DGS .ply file, as the reference implementation, SuperSplat and other viewers read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement, PlyParseError

from padbench.errors import UserError
from padbench_gaussians.gaussians import Gaussians

_MEANS = ("x", "y", "z")
_NORMALS = ("nx", "ny", "nz")
_FEATURES = ("f_dc_0", "f_dc_1", "f_dc_2")
_OPACITY = ("opacity",)
_SCALES = ("scale_0", "scale_1", "scale_2")
_QUATS = ("rot_0", "rot_1", "rot_2", "rot_3")
_STORED = _MEANS + _FEATURES + _OPACITY + _SCALES + _QUATS


def write_ply(gaussians: Gaussians, path: Path) -> None:
    """Write the raw parameters as binary little-endian float32; `read_ply` restores them bit for bit.

    Normals are written as zeros: viewers expect the columns and ignore the values.
    """
    columns: dict[str, NDArray[np.float32]] = {name: np.zeros(len(gaussians), np.float32) for name in _NORMALS}
    for names, tensor in (
        (_MEANS, gaussians.means),
        (_FEATURES, gaussians.features_dc),
        (_OPACITY, gaussians.opacity_logits[:, None]),
        (_SCALES, gaussians.log_scales),
        (_QUATS, gaussians.quats),
    ):
        columns.update(zip(names, tensor.detach().cpu().numpy().T, strict=True))
    order = _MEANS + _NORMALS + _FEATURES + _OPACITY + _SCALES + _QUATS
    vertices = np.empty(len(gaussians), dtype=[(name, "<f4") for name in order])
    for name in order:
        vertices[name] = columns[name]
    PlyData([PlyElement.describe(vertices, "vertex")], byte_order="<").write(str(path))


def read_ply(path: Path) -> Gaussians:
    """Read a 3DGS .ply of spherical harmonics degree 0, onto the CPU.

    Raises UserError when the file is missing, truncated or not a 3DGS file, when it holds a value that is not finite,
    or view-dependent colours (`f_rest_*`), which this representation cannot render.
    """
    try:
        vertices = PlyData.read(str(path), mmap=False)["vertex"]
    except (OSError, KeyError, ValueError, PlyParseError) as error:
        raise UserError(f"{path} is not a readable .ply file ({error}): fit the scene again") from error
    present = {property_.name for property_ in vertices.properties}
    missing = [name for name in _STORED if name not in present]
    if missing:
        raise UserError(f"{path} lacks the properties {', '.join(missing)} of a 3DGS .ply file: fit the scene again")
    if "f_rest_0" in present:
        raise UserError(
            f"{path} has view-dependent colours (f_rest_*), this representation has spherical harmonics of "
            "degree 0 only: export it with degree 0"
        )
    table = np.stack([np.asarray(vertices[name], dtype=np.float32) for name in _STORED], axis=1)
    if not np.isfinite(table).all():
        name = _STORED[int(np.argmin(np.isfinite(table).all(axis=0)))]
        raise UserError(f"{path} has a value in {name} that is not finite: fit the scene again")
    means, features, opacity, scales, quats = (
        torch.from_numpy(np.ascontiguousarray(part)) for part in np.split(table, np.cumsum([3, 3, 1, 3]), axis=1)
    )
    return Gaussians(means, quats, scales, opacity[:, 0], features)
