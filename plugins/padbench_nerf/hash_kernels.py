"""The numba kernels of the hash encoding (Müller et al. 2022, section 3) with two float32 features a level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Eq. 4; the first axis is multiplied by 1.
_PRIME_Y = np.int64(2654435761)
_PRIME_Z = np.int64(805459861)
_ONE = np.float32(1)


@njit(inline="always")
def _cell(position: Any, scaling: Any) -> Any:
    """First corner of the cell on one axis, and how far behind it the position lies, in cells."""
    scaled = position * scaling
    first = np.int64(scaled)
    return first, scaled - np.float32(first)


@njit(inline="always")
def _row(x: Any, y: Any, z: Any, corner: int, mask: Any) -> Any:
    """Row in its level's table of a corner of the cell that begins at (x, y, z); bit i of `corner` is axis i."""
    return ((x + (corner & 1)) ^ ((y + ((corner >> 1) & 1)) * _PRIME_Y) ^ ((z + ((corner >> 2) & 1)) * _PRIME_Z)) & mask


@njit(inline="always")
def _share(offset: Any, behind: int) -> Any:
    return offset if behind else _ONE - offset


@njit(cache=True, nogil=True)
def encode(
    positions: Any,  # (N, 3) in [0, 1]
    table: Any,  # (levels * size, 2), size a power of 2
    scalings: Any,  # (levels,) cells along an axis
    encoded: Any,  # (N, levels * 2)
) -> None:
    """Write the trilinear interpolation of the table in every level's grid, level by level."""
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first = second = np.float32(0)
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                weight = _share(x, corner & 1) * _share(y, corner & 2) * _share(z, corner & 4)
                first += weight * table[row, 0]
                second += weight * table[row, 1]
            encoded[i, 2 * level], encoded[i, 2 * level + 1] = first, second


@njit(cache=True, nogil=True)
def table_gradient(positions: Any, table: Any, scalings: Any, of_encoded: Any, of_table: Any) -> None:
    """Add the gradient of the table."""
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first, second = of_encoded[i, 2 * level], of_encoded[i, 2 * level + 1]
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                weight = _share(x, corner & 1) * _share(y, corner & 2) * _share(z, corner & 4)
                of_table[row, 0] += weight * first
                of_table[row, 1] += weight * second


@njit(cache=True, nogil=True)
def position_gradient(positions: Any, table: Any, scalings: Any, of_encoded: Any, of_positions: Any) -> None:
    """Write the gradient of the positions."""
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        of_x = of_y = of_z = np.float32(0)
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first, second = of_encoded[i, 2 * level], of_encoded[i, 2 * level + 1]
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                slope = scalings[level] * (table[row, 0] * first + table[row, 1] * second)
                share_x, share_y, share_z = _share(x, corner & 1), _share(y, corner & 2), _share(z, corner & 4)
                of_x += (slope if corner & 1 else -slope) * share_y * share_z
                of_y += (slope if corner & 2 else -slope) * share_x * share_z
                of_z += (slope if corner & 4 else -slope) * share_x * share_y
        of_positions[i, 0], of_positions[i, 1], of_positions[i, 2] = of_x, of_y, of_z
