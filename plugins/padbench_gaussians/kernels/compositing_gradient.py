"""The gradient of compositing: replay every tile front to back and leave ten sums for each Gaussian in each tile.

With c the value of a Gaussian, v the gradient of the image, w its weight and T the transmittance, a pixel needs one
running scalar: R = sum of w (v . c) over the Gaussians still to come, plus T_final times the gradient of T_final.
At a Gaussian R falls by w (v . c), and d loss / d alpha = T (v . c) - R / (1 - alpha).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.compositing import (
    AHEAD,
    HALF,
    NO_BLOCKS,
    ONE,
    ONE_BLOCK,
    TILE_SIDE,
    TILE_SIZE,
    ZERO,
    absorb,
    aligned_start,
    exponent_in,
    start_transmittance,
)
from padbench_gaussians.kernels.lane_memory import load, load_block, prefetch, store
from padbench_gaussians.kernels.lanes import (
    BLOCK,
    WIDTH,
    absolute,
    any_set,
    exp2,
    fused,
    lowest_bit,
    maximum,
    minimum,
    select,
    spread,
    totals,
)
from padbench_gaussians.kernels.records import (
    BLUE,
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
    SUMS,
    TILE_PIXELS,
    TILE_SHIFT,
)
from padbench_gaussians.kernels.scheduling import next_task


@njit(inline="always")
def read_block(image: Any, start: Any, x: Any, y: Any, width: int, height: int, patch: Any) -> Any:
    """A block of the plane that begins at `start`; what lies outside the image holds any value."""
    corner = start + y * width + x
    if x + BLOCK <= width and y + BLOCK <= height:
        values = load_block(image, corner, width)
    else:
        for row in range(min(BLOCK, height - y)):
            for column in range(min(BLOCK, width - x)):
                patch[row * BLOCK + column] = image[corner + row * width + column]
        values = load(patch, 0)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def composite_gradient(
    counter: Any,
    record: Any,  # (N, RECORD)
    tile_start: Any,  # (T + 1,)
    entries: Any,  # (E,)
    hits: Any,  # (E,) uint64, as `composite` left them
    width: int,
    height: int,
    alpha_clamp: Any,
    rgb: Any,  # (3 H W,) the rendering
    depth: Any,  # (H W,)
    alpha: Any,  # (H W,)
    rgb_gradient: Any,  # (3 H W,)
    depth_gradient: Any,  # (H W,)
    alpha_gradient: Any,  # (H W,)
    sums: Any,  # (E, SUMS) out
) -> None:
    """Fill the sums of one image."""
    tile_columns = (width + TILE_SIZE - 1) // TILE_SIZE
    plane = width * height
    scratch = np.empty(6 * TILE_PIXELS + WIDTH, np.float32)
    base = aligned_start(scratch)
    red, green, blue, deep, rest = (
        base + TILE_PIXELS,
        base + 2 * TILE_PIXELS,
        base + 3 * TILE_PIXELS,
        base + 4 * TILE_PIXELS,
        base + 5 * TILE_PIXELS,
    )
    patch = np.zeros(WIDTH, np.float32)
    zero, clamp = spread(ZERO), spread(alpha_clamp)
    while True:
        tile = next_task(counter)
        if tile >= tile_start.size - 1:
            return
        tile_row = tile // tile_columns
        tile_column = tile - tile_row * tile_columns
        left, top = tile_column * TILE_SIZE, tile_row * TILE_SIZE
        start_transmittance(scratch, base, left, top, width, height)
        met_blocks = NO_BLOCKS
        for entry in range(tile_start[tile], tile_start[tile + 1]):
            met_blocks |= hits[entry]
        wanted = NO_BLOCKS
        while met_blocks != NO_BLOCKS:
            block = lowest_bit(met_blocks)
            met_blocks &= met_blocks - ONE_BLOCK
            x = left + (block & (TILE_SIDE - 1)) * BLOCK
            y = top + (block >> TILE_SHIFT) * BLOCK
            at = block * WIDTH
            v_r = read_block(rgb_gradient, 0, x, y, width, height, patch)
            v_g = read_block(rgb_gradient, plane, x, y, width, height, patch)
            v_b = read_block(rgb_gradient, 2 * plane, x, y, width, height, patch)
            v_expected = read_block(depth_gradient, 0, x, y, width, height, patch)
            v_alpha = read_block(alpha_gradient, 0, x, y, width, height, patch)
            size = absolute(v_r) + absolute(v_g) + absolute(v_b) + absolute(v_expected) + absolute(v_alpha)
            if not any_set(size != ZERO):
                continue
            wanted |= ONE_BLOCK << np.uint64(block)
            opacity = read_block(alpha, 0, x, y, width, height, patch)
            expected = read_block(depth, 0, x, y, width, height, patch)
            # Where alpha is 0 so is the depth, and its share of the gradient of alpha.
            v_accumulated = v_expected / maximum(opacity, spread(MINIMAL_ALPHA))
            v_alpha = v_alpha - v_accumulated * expected
            # The rendering holds the background already, so its share of T_final needs no further term.
            remainder = fused(v_expected, expected, zero - v_alpha * (ONE - opacity))
            remainder = fused(v_r, read_block(rgb, 0, x, y, width, height, patch), remainder)
            remainder = fused(v_g, read_block(rgb, plane, x, y, width, height, patch), remainder)
            remainder = fused(v_b, read_block(rgb, 2 * plane, x, y, width, height, patch), remainder)
            store(scratch, red + at, v_r)
            store(scratch, green + at, v_g)
            store(scratch, blue + at, v_b)
            store(scratch, deep + at, v_accumulated)
            store(scratch, rest + at, remainder)

        for entry in range(tile_start[tile], tile_start[tile + 1]):
            i = entries[entry]
            if entry + AHEAD < entries.size:
                prefetch(record, entries[entry + AHEAD] * RECORD)
            hit = hits[entry] & wanted
            if hit == NO_BLOCKS:
                store(sums, entry * SUMS, zero)
                continue
            xx, xy, yy = spread(record[i, CURVE_XX]), spread(record[i, CURVE_XY]), spread(record[i, CURVE_YY])
            peak = spread(record[i, LOG2_OPACITY])
            r, g, b = spread(record[i, RED]), spread(record[i, GREEN]), spread(record[i, BLUE])
            z = spread(record[i, DEPTH])
            offset_x = np.float32(left) + HALF - record[i, MEAN_X]
            offset_y = np.float32(top) + HALF - record[i, MEAN_Y]
            sum_r, sum_g, sum_b, sum_z = zero, zero, zero, zero
            sum_s, sum_su, sum_sv, sum_suu, sum_suv, sum_svv = zero, zero, zero, zero, zero, zero
            while hit != NO_BLOCKS:
                block = lowest_bit(hit)
                hit &= hit - ONE_BLOCK
                at = block * WIDTH
                u, v, exponent = exponent_in(block, offset_x, offset_y, xx, xy, yy, peak)
                before = load(scratch, base + at)
                met = (exponent >= LOG2_ALPHA_SKIP) & (before > ZERO)
                raw = exp2(exponent)
                opaque = minimum(clamp, raw)
                weight, after, goes_on = absorb(before, met, opaque)
                store(scratch, base + at, after)

                v_r, v_g, v_b = load(scratch, red + at), load(scratch, green + at), load(scratch, blue + at)
                v_z = load(scratch, deep + at)
                sum_r, sum_g, sum_b = fused(weight, v_r, sum_r), fused(weight, v_g, sum_g), fused(weight, v_b, sum_b)
                sum_z = fused(weight, v_z, sum_z)
                share = weight * fused(v_r, r, fused(v_g, g, fused(v_b, b, v_z * z)))
                behind = load(scratch, rest + at) - share
                store(scratch, rest + at, behind)
                # alpha (T (v . c) - R / (1 - alpha)), and nothing through the clamp.
                s = select(goes_on & (clamp >= raw), share - behind * opaque / (ONE - opaque), zero)
                su, sv = s * u, s * v
                sum_s, sum_su, sum_sv = sum_s + s, sum_su + su, sum_sv + sv
                sum_suu, sum_suv, sum_svv = fused(su, u, sum_suu), fused(su, v, sum_suv), fused(sv, v, sum_svv)
            store(
                sums,
                entry * SUMS,
                totals(sum_r, sum_g, sum_b, sum_z, sum_s, sum_su, sum_sv, sum_suu, sum_suv, sum_svv),
            )
