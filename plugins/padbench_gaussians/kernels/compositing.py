"""Composite the Gaussians of every tile front to back (as gsplat 1.5.3's `RasterizeToPixels3DGSFwd.cu`).

A tile is worked on Gaussian by Gaussian and, of each, block by block of 4x4 pixels that its bounding box meets. A
pixel that has reached the transmittance stop keeps its transmittance with a negative sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.lane_memory import load, prefetch, store, store_block
from padbench_gaussians.kernels.lanes import (
    BLOCK,
    WIDTH,
    absolute,
    any_set,
    columns,
    exp2,
    fused,
    lowest_bit,
    maximum,
    minimum,
    rows,
    select,
    spread,
)
from padbench_gaussians.kernels.records import (
    BLUE,
    BOUNDS,
    CURVE_XX,
    CURVE_XY,
    CURVE_YY,
    DEPTH,
    GREEN,
    LOG2_ALPHA_SKIP,
    LOG2_OPACITY,
    MEAN_X,
    MEAN_Y,
    MINIMAL_ALPHA,
    RECORD,
    RED,
    TILE_BLOCKS,
    TILE_PIXELS,
    TILE_SHIFT,
    TRANSMITTANCE_STOP,
)
from padbench_gaussians.kernels.scheduling import next_task

ZERO = np.float32(0)
ONE = np.float32(1)
HALF = np.float32(0.5)
TILE_SIDE = 1 << TILE_SHIFT  # blocks
TILE_SIZE = TILE_SIDE * BLOCK  # pixels
AHEAD = 6  # entries between asking for a record and reading it
NO_BLOCKS = np.uint64(0)
ONE_BLOCK = np.uint64(1)
EVERY_ROW = np.uint64(0x0101010101010101)
ALL_BLOCKS = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(inline="always")
def blocks_in_tile(corners: Any, tile_column: Any, tile_row: Any) -> Any:
    """The blocks of the tile that lie within a Gaussian's bounds, a bit each."""
    mask = np.uint64(0xFFFF)
    left: Any = max(np.int64(corners & mask) - tile_column * TILE_SIDE, 0)
    right: Any = min(np.int64((corners >> np.uint64(16)) & mask) - tile_column * TILE_SIDE, TILE_SIDE - 1)
    top: Any = max(np.int64((corners >> np.uint64(32)) & mask) - tile_row * TILE_SIDE, 0)
    bottom: Any = min(np.int64(corners >> np.uint64(48)) - tile_row * TILE_SIDE, TILE_SIDE - 1)
    line = (np.uint64(0xFF) >> np.uint64(TILE_SIDE - 1 - right + left)) << np.uint64(left)
    lines = (ALL_BLOCKS >> np.uint64(TILE_SIDE * (TILE_SIDE - 1 - bottom + top))) << np.uint64(TILE_SIDE * top)
    return (line * EVERY_ROW) & lines


@njit(inline="always")
def exponent_in(block: Any, offset_x: Any, offset_y: Any, xx: Any, xy: Any, yy: Any, peak: Any) -> Any:
    """The way (u, v) from the mean to the pixels of a block, and log2(alpha) there."""
    u = columns() + (offset_x + np.float32((block & (TILE_SIDE - 1)) * BLOCK))
    v = rows() + (offset_y + np.float32((block >> TILE_SHIFT) * BLOCK))
    return u, v, fused(fused(xx, u, xy * v), u, fused(yy * v, v, peak))


@njit(inline="always")
def absorb(before: Any, met: Any, opaque: Any) -> Any:
    """What alpha takes of the transmittance: the weight, the transmittance after it, and where the pixel goes on.

    Subtracted rather than selected: a selection would be stored under a mask, which the next load has to wait for.
    """
    weight = opaque * before
    goes_on = met & (before - weight > TRANSMITTANCE_STOP)
    spent = select(met, select(goes_on, weight, before + before), spread(ZERO))
    return select(goes_on, weight, spread(ZERO)), before - spent, goes_on


@njit(inline="always")
def aligned_start(scratch: Any) -> Any:
    """The first element of a float32 array that lies on a 64-byte boundary, where no block straddles cache lines."""
    return (-(scratch.ctypes.data // 4)) % WIDTH


@njit(inline="always")
def start_transmittance(scratch: Any, base: Any, left: int, top: int, width: int, height: int) -> Any:
    """Set the transmittance of the tile's pixels to 1, outside the image to -1; return the blocks that have pixels."""
    live = NO_BLOCKS
    for block in range(TILE_BLOCKS):
        x = left + (block & (TILE_SIDE - 1)) * BLOCK
        y = top + (block >> TILE_SHIFT) * BLOCK
        for lane in range(WIDTH):
            inside = x + (lane & (BLOCK - 1)) < width and y + lane // BLOCK < height
            scratch[base + block * WIDTH + lane] = ONE if inside else -ONE
        if x < width and y < height:
            live |= ONE_BLOCK << np.uint64(block)
    return live


@njit(cache=True, nogil=True, error_model="numpy")
def composite(
    counter: Any,
    record: Any,  # (N, RECORD)
    record_bounds: Any,  # (N, RECORD / 2) uint64 view of the record
    tile_start: Any,  # (T + 1,)
    entries: Any,  # (E,)
    width: int,
    height: int,
    background: Any,  # (3,)
    alpha_clamp: Any,
    rgb: Any,  # (3 H W,) out
    depth: Any,  # (H W,) out: expected depth
    alpha: Any,  # (H W,) out
    hits: Any,  # (E,) uint64 out: blocks in which the Gaussian met a pixel that was not done, for the backward pass
) -> None:
    """Render one image."""
    tile_columns = (width + TILE_SIZE - 1) // TILE_SIZE
    plane = width * height
    scratch = np.empty(5 * TILE_PIXELS + WIDTH, np.float32)
    base = aligned_start(scratch)
    red, green, blue, deep = (
        base + TILE_PIXELS,
        base + 2 * TILE_PIXELS,
        base + 3 * TILE_PIXELS,
        base + 4 * TILE_PIXELS,
    )
    clamp = spread(alpha_clamp)
    while True:
        tile = next_task(counter)
        if tile >= tile_start.size - 1:
            return
        tile_row = tile // tile_columns
        tile_column = tile - tile_row * tile_columns
        left, top = tile_column * TILE_SIZE, tile_row * TILE_SIZE
        live = start_transmittance(scratch, base, left, top, width, height)
        for k in range(red, base + 5 * TILE_PIXELS):
            scratch[k] = ZERO

        for entry in range(tile_start[tile], tile_start[tile + 1]):
            i = entries[entry]
            if entry + AHEAD < entries.size:
                prefetch(record, entries[entry + AHEAD] * RECORD)
            hit = NO_BLOCKS
            candidates = blocks_in_tile(record_bounds[i, BOUNDS], tile_column, tile_row) & live
            if candidates != NO_BLOCKS:
                xx, xy, yy = spread(record[i, CURVE_XX]), spread(record[i, CURVE_XY]), spread(record[i, CURVE_YY])
                peak = spread(record[i, LOG2_OPACITY])
                r, g, b = spread(record[i, RED]), spread(record[i, GREEN]), spread(record[i, BLUE])
                z = spread(record[i, DEPTH])
                offset_x = np.float32(left) + HALF - record[i, MEAN_X]
                offset_y = np.float32(top) + HALF - record[i, MEAN_Y]
                while candidates != NO_BLOCKS:
                    block = lowest_bit(candidates)
                    candidates &= candidates - ONE_BLOCK
                    at = block * WIDTH
                    _, _, exponent = exponent_in(block, offset_x, offset_y, xx, xy, yy, peak)
                    before = load(scratch, base + at)
                    met = (exponent >= LOG2_ALPHA_SKIP) & (before > ZERO)
                    if any_set(met):
                        hit |= ONE_BLOCK << np.uint64(block)
                        weight, after, _ = absorb(before, met, minimum(clamp, exp2(exponent)))
                        store(scratch, red + at, fused(weight, r, load(scratch, red + at)))
                        store(scratch, green + at, fused(weight, g, load(scratch, green + at)))
                        store(scratch, blue + at, fused(weight, b, load(scratch, blue + at)))
                        store(scratch, deep + at, fused(weight, z, load(scratch, deep + at)))
                        store(scratch, base + at, after)
                        if not any_set(after > ZERO):
                            live &= ~(ONE_BLOCK << np.uint64(block))
            hits[entry] = hit

        for block in range(TILE_BLOCKS):
            x = left + (block & (TILE_SIDE - 1)) * BLOCK
            y = top + (block >> TILE_SHIFT) * BLOCK
            if x >= width or y >= height:
                continue
            at = block * WIDTH
            remaining = absolute(load(scratch, base + at))
            opacity = ONE - remaining
            expected = load(scratch, deep + at) / maximum(opacity, spread(MINIMAL_ALPHA))
            mixed_red = fused(remaining, spread(background[0]), load(scratch, red + at))
            mixed_green = fused(remaining, spread(background[1]), load(scratch, green + at))
            mixed_blue = fused(remaining, spread(background[2]), load(scratch, blue + at))
            corner = y * width + x
            if x + BLOCK <= width and y + BLOCK <= height:
                store_block(rgb, corner, width, mixed_red)
                store_block(rgb, plane + corner, width, mixed_green)
                store_block(rgb, 2 * plane + corner, width, mixed_blue)
                store_block(depth, corner, width, expected)
                store_block(alpha, corner, width, opacity)
            else:
                store(scratch, base + at, opacity)
                store(scratch, red + at, mixed_red)
                store(scratch, green + at, mixed_green)
                store(scratch, blue + at, mixed_blue)
                store(scratch, deep + at, expected)
                for row in range(min(BLOCK, height - y)):
                    for column in range(min(BLOCK, width - x)):
                        pixel = corner + row * width + column
                        lane = at + row * BLOCK + column
                        rgb[pixel] = scratch[red + lane]
                        rgb[plane + pixel] = scratch[green + lane]
                        rgb[2 * plane + pixel] = scratch[blue + lane]
                        depth[pixel] = scratch[deep + lane]
                        alpha[pixel] = scratch[base + lane]
