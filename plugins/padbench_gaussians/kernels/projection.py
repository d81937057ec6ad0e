"""Project the Gaussians into one camera and write what compositing needs of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.footprint import footprint_of, lens_of
from padbench_gaussians.kernels.lane_memory import gather, store
from padbench_gaussians.kernels.lanes import WIDTH, ceil, floor, log2, maximum, minimum, select, spread, square_root
from padbench_gaussians.kernels.records import (
    ALPHA_SKIP,
    BLOCK_SHIFT,
    BLUE,
    BOUNDS,
    CHUNK,
    CURVE_XX,
    CURVE_XY,
    CURVE_YY,
    DEPTH,
    EPS2D,
    GREEN,
    LOG2_ALPHA_SKIP,
    LOG2_OPACITY,
    MEAN_X,
    MEAN_Y,
    NEAR_PLANE,
    RED,
    TILE_SHIFT,
)
from padbench_gaussians.kernels.scheduling import next_task

ZERO = np.float32(0)
HALF = np.float32(0.5)
ONE = np.float32(1)
LOG2_E = np.float32(math.log2(math.e))
TWO_LN_2 = np.float32(2.0 * math.log(2.0))
# Rounding may not lose a pixel at the rim: the bounding box is a little larger than the ellipse.
RIM_FACTOR = np.float32(1.0001)
RIM = np.float32(0.001)
PER_BLOCK = np.float32(1 / (1 << BLOCK_SHIFT))
PER_TILE = np.float32(1 / (1 << TILE_SHIFT))
# Places of the lanes' values on their way to the records.
FIRST_COLUMN, LAST_COLUMN, FIRST_ROW, LAST_ROW, TILES = range(DEPTH + 1, DEPTH + 6)


@njit(inline="always")
def first_and_last_block(centre: Any, reach: Any, size: Any) -> Any:
    """The blocks along one axis whose pixels, seen by their centres, lie within reach."""
    low, high = centre - reach - HALF, centre + reach - HALF
    first = floor(ceil(maximum(low, spread(ZERO))) * PER_BLOCK)
    last = floor(floor(minimum(high, spread(size - ONE))) * PER_BLOCK)
    # NaN fails every comparison.
    return first, last, (high >= ZERO) & (size - ONE >= low) & (last >= first)


@njit(cache=True, nogil=True, error_model="numpy")
def project(
    counter: Any,
    means: Any,  # (N, 3)
    quats: Any,  # (N, 4)
    scales: Any,  # (N, 3)
    opacities: Any,  # (N,)
    colors: Any,  # (N, 3)
    world_to_camera: Any,  # (4, 4)
    intrinsics: Any,  # (3, 3)
    width: int,
    height: int,
    antialiased: bool,
    record: Any,  # (N, RECORD) out
    record_bounds: Any,  # (N, RECORD / 2) uint64 view of the record
    bounds: Any,  # (N,) uint64 out
    tiles: Any,  # (N,) int32 out: how many tiles the Gaussian touches, 0 where it is not visible
) -> None:
    """Fill the records, bounds and tile counts of one camera."""
    lens = lens_of(intrinsics, width, height)
    number = means.shape[0]
    values = np.empty((TILES + 1) * WIDTH, np.float32)
    while True:
        start = next_task(counter) * CHUNK
        if start >= number:
            return
        for first in range(start, min(start + CHUNK, number), WIDTH):
            count = min(WIDTH, number - first)
            seen = footprint_of(first, count, means, quats, scales, world_to_camera, lens)
            opacity = gather(opacities, first, 1, count)
            if antialiased:
                opacity = opacity * square_root(seen.sharp / seen.determinant)
            c00, c11 = seen.c00 + EPS2D, seen.c11 + EPS2D
            log2_opacity = log2(opacity)
            reach = TWO_LN_2 * (log2_opacity - LOG2_ALPHA_SKIP) * RIM_FACTOR
            mean_x, mean_y = lens.fx * seen.u + lens.cx, lens.fy * seen.v + lens.cy
            left, right, across = first_and_last_block(mean_x, square_root(reach * c00) + RIM, np.float32(width))
            top, bottom, down = first_and_last_block(mean_y, square_root(reach * c11) + RIM, np.float32(height))
            visible = (seen.z >= NEAR_PLANE) & (opacity >= ALPHA_SKIP) & across & down
            tile_columns = floor(right * PER_TILE) - floor(left * PER_TILE) + ONE
            tile_rows = floor(bottom * PER_TILE) - floor(top * PER_TILE) + ONE
            curve = -LOG2_E / seen.determinant

            store(values, MEAN_X * WIDTH, mean_x)
            store(values, MEAN_Y * WIDTH, mean_y)
            store(values, CURVE_XX * WIDTH, HALF * curve * c11)
            store(values, CURVE_XY * WIDTH, (ZERO - curve) * seen.c01)
            store(values, CURVE_YY * WIDTH, HALF * curve * c00)
            store(values, LOG2_OPACITY * WIDTH, log2_opacity)
            store(values, DEPTH * WIDTH, seen.z)
            store(values, FIRST_COLUMN * WIDTH, left)
            store(values, LAST_COLUMN * WIDTH, right)
            store(values, FIRST_ROW * WIDTH, top)
            store(values, LAST_ROW * WIDTH, bottom)
            store(values, TILES * WIDTH, select(visible, tile_columns * tile_rows, spread(ZERO)))
            for lane in range(count):
                i = first + lane
                tiles[i] = np.int32(values[TILES * WIDTH + lane])
                if tiles[i] == 0:
                    continue
                corners = (
                    np.uint64(values[FIRST_COLUMN * WIDTH + lane])
                    | np.uint64(values[LAST_COLUMN * WIDTH + lane]) << np.uint64(16)
                    | np.uint64(values[FIRST_ROW * WIDTH + lane]) << np.uint64(32)
                    | np.uint64(values[LAST_ROW * WIDTH + lane]) << np.uint64(48)
                )
                bounds[i] = corners
                record_bounds[i, BOUNDS] = corners
                for k in range(LOG2_OPACITY + 1):
                    record[i, k] = values[k * WIDTH + lane]
                record[i, RED] = colors[i, 0]
                record[i, GREEN] = colors[i, 1]
                record[i, BLUE] = colors[i, 2]
                record[i, DEPTH] = values[DEPTH * WIDTH + lane]
