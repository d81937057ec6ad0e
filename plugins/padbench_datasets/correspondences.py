"""Read BrokenChairs' correspondences: .npy files that hold a pickled dictionary, which is never executed blindly."""

from __future__ import annotations

import io
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from padbench.errors import UserError
from padbench_datasets.files import RESTORE, read_bytes


@dataclass(frozen=True)
class Correspondences:
    """Points of a shape in one of its views.

    pixels: row and column of each point. visible: whether the view shows it. positions: of the points in the world.
    """

    pixels: NDArray[Any]  # (P, 2) integers
    visible: NDArray[Any]  # (P,) bool
    positions: NDArray[Any]  # (h, w, 3) scene units, -1 where there is no surface


def read_correspondences(path: Path) -> Correspondences:
    """Read one file; raises UserError when it holds anything but the three arrays of the layout."""
    content = _load(path)
    try:
        pixels, visible, positions = (_plain(content[name]) for name in ("pxy", "is_visible", "xyz"))
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise UserError(f"{path} does not hold the arrays pxy, is_visible and xyz: {RESTORE}") from error
    shapes_fit = pixels.ndim == 2 and pixels.shape[1:] == (2,) and visible.shape == pixels.shape[:1]
    if not shapes_fit or positions.ndim != 3 or positions.shape[2:] != (3,):
        raise UserError(
            f"{path} holds pxy {pixels.shape}, is_visible {visible.shape} and xyz {positions.shape} instead of (P, 2), "
            f"(P,) and (h, w, 3): {RESTORE}"
        )
    if any(array.dtype.kind not in "biuf" for array in (pixels, visible, positions)):
        raise UserError(f"{path} holds arrays that are not of numbers: {RESTORE}")
    return Correspondences(pixels, visible.astype(bool), positions)


class _Type:
    """Stands in for numpy.dtype: numbers, or objects in the one place where the layout has them."""

    def __init__(self, name: object, *_: object) -> None:
        if not isinstance(name, str) or not re.fullmatch("b1|[iuf][1248]|O8?", name):
            raise pickle.UnpicklingError(f"numpy.dtype of {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in "<>":
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for numpy.ndarray, whose own way to restore itself trusts what the file says of memory."""

    content: Any = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, type_, by_column, data = state
        if type_.dtype.hasobject:
            (self.content,) = data
        else:
            self.content = _from_buffer(data, type_, shape, "F" if by_column else "C")


def _from_buffer(data: bytes, type_: _Type, shape: tuple[int, ...], order: Literal["C", "F"]) -> NDArray[Any]:
    return np.frombuffer(data, type_.dtype).reshape(shape, order=order)


def _scalar(type_: _Type, data: bytes) -> Any:
    return _from_buffer(data, type_, (), "C").item()


def _encode(text: str, encoding: str) -> bytes:
    """How pickles of Python 2 hold bytes; other encodings decompress or import."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"_codecs.encode to {encoding}")
    return text.encode("latin-1")


# All that an array of numbers needs, under the names of numpy 1 and 2.
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
} | {
    (f"{package}.{module}", name): stand_in
    for package in ("numpy.core", "numpy._core")
    for module, name, stand_in in (
        ("multiarray", "_reconstruct", _Array),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _from_buffer),
    )
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return _KNOWN[module, name]


def _load(path: Path) -> Any:
    file = io.BytesIO(read_bytes(path))
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        if shape != () or not dtype.hasobject:
            raise UserError(f"{path} holds an array of shape {shape} instead of a dictionary: {RESTORE}")
        return _plain_content(_ArraysOnly(file).load())
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds a pickled object that is no array ({error}); it was not executed: {RESTORE}"
        ) from error
    except UserError:
        raise
    except Exception as error:  # a damaged pickle can raise anything, and runs nothing but the stand-ins
        raise UserError(f"{path} is damaged or no file of correspondences: {RESTORE}") from error


def _plain_content(value: Any) -> Any:
    return value.content if isinstance(value, _Array) else value


def _plain(value: Any) -> NDArray[Any]:
    return np.asarray(_plain_content(value))
