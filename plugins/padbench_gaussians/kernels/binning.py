"""Sort the visible Gaussians by depth, once for the image, and deal them out to the tiles in that order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.records import DEPTH, TILE_SHIFT

DIGIT_BITS = 12
MASK = np.uint64(0xFFFF)
SHIFT = np.uint64(TILE_SHIFT)


@njit(inline="always")
def tile_range(corners: Any) -> Any:
    """First and last column, first and last row of the tiles that hold the blocks."""
    return (
        np.int64((corners & MASK) >> SHIFT),
        np.int64(((corners >> np.uint64(16)) & MASK) >> SHIFT),
        np.int64(((corners >> np.uint64(32)) & MASK) >> SHIFT),
        np.int64(corners >> (np.uint64(48) + SHIFT)),
    )


@njit(cache=True, nogil=True)
def bin_into_tiles(
    record_bits: Any,  # (N, RECORD) uint32 view of the record
    bounds: Any,  # (N,) uint64
    tiles: Any,  # (N,) int32
    tile_columns: int,
    tile_rows: int,
) -> Any:
    """Return first_position (N + 1), positions (E), tile_start (T + 1) and entries (E)."""
    number = tiles.size
    first_position = np.empty(number + 1, np.int32)
    fill = np.zeros(tile_columns * tile_rows + 1, np.int32)
    visible = 0
    total = 0
    for i in range(number):
        first_position[i] = total
        if tiles[i] == 0:
            continue
        total += tiles[i]
        visible += 1
        left, right, top, bottom = tile_range(bounds[i])
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                fill[row * tile_columns + column + 1] += 1
    first_position[number] = total
    for tile in range(tile_columns * tile_rows):
        fill[tile + 1] += fill[tile]
    tile_start = fill.copy()

    entries, positions = np.empty(total, np.int32), np.empty(total, np.int32)
    order = _sort_by_depth(record_bits, tiles, visible)
    for k in range(visible):
        i = order[k]
        position = first_position[i]
        left, right, top, bottom = tile_range(bounds[i])
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                tile = row * tile_columns + column
                entry = fill[tile]
                fill[tile] = entry + 1
                entries[entry] = i
                positions[position] = entry
                position += 1
    return first_position, positions, tile_start, entries


@njit(cache=True, nogil=True)
def _sort_by_depth(record_bits: Any, tiles: Any, visible: int) -> Any:
    """Stable radix sort; positive floats sort as their bits. Only the bits in which the depths differ take a pass."""
    keys, order = np.empty(visible, np.uint32), np.empty(visible, np.int32)
    other_keys, other_order = np.empty(visible, np.uint32), np.empty(visible, np.int32)
    lowest, highest = np.uint32(0xFFFFFFFF), np.uint32(0)
    k = 0
    for i in range(tiles.size):
        if tiles[i] > 0:
            keys[k] = record_bits[i, DEPTH]
            order[k] = i
            lowest = min(lowest, keys[k])
            highest = max(highest, keys[k])
            k += 1
    bits = 0
    while visible > 0 and (np.uint64(highest - lowest) >> np.uint64(bits)) > 0:
        bits += 1
    passes = (bits + DIGIT_BITS - 1) // DIGIT_BITS
    if passes == 0:
        return order
    digit = (bits + passes - 1) // passes
    mask = np.uint32((1 << digit) - 1)
    for turn in range(passes):
        shift = np.uint32(turn * digit)
        position = np.zeros((1 << digit) + 1, np.int32)
        for k in range(visible):
            position[(((keys[k] - lowest) >> shift) & mask) + np.uint32(1)] += 1
        for value in range(1 << digit):
            position[value + 1] += position[value]
        for k in range(visible):
            value = ((keys[k] - lowest) >> shift) & mask
            target = position[value]
            position[value] = target + 1
            other_keys[target] = keys[k]
            other_order[target] = order[k]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
    return order
