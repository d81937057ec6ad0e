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
    HALF,
    NO_BLOCKS,
    ONE,
    ONE_BLOCK,
    TILE_SIDE,
    TILE_SIZE,
    ZERO,
    aligned_start,
    slot_of,
    start_transmittance,
)
from padbench_gaussians.kernels.lanes import (
    BLOCK,
    WIDTH,
    columns,
    exp2,
    fused,
    load,
    lowest_bit,
    minimum,
    rows,
    select,
    spread,
    store,
    total,
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
    RED,
    SUM_BLUE,
    SUM_DEPTH,
    SUM_GREEN,
    SUM_RED,
    SUM_S,
    SUM_SU,
    SUM_SUU,
    SUM_SUV,
    SUM_SV,
    SUM_SVV,
    TILE_BLOCKS,
    TILE_PIXELS,
    TILE_SHIFT,
    TRANSMITTANCE_STOP,
)
from padbench_gaussians.kernels.scheduling import next_task


@njit(cache=True, nogil=True, error_model="numpy")
def composite_gradient(
    counter: Any,
    record: Any,  # (N, RECORD)
    bounds: Any,  # (N, 4) int16
    first_slot: Any,  # (N + 1,)
    tile_start: Any,  # (T + 1,)
    entries: Any,  # (slots,)
    hits: Any,  # (slots,) uint64, as `composite` left them
    touched: Any,  # (slots,) uint64 out: hits in blocks that have a gradient
    width: int,
    height: int,
    alpha_clamp: Any,
    rgb: Any,  # (3 H W,) the rendering
    depth: Any,  # (H W,)
    alpha: Any,  # (H W,)
    rgb_gradient: Any,  # (3 H W,)
    depth_gradient: Any,  # (H W,)
    alpha_gradient: Any,  # (H W,)
    sums: Any,  # (slots, SUMS) out; left as it is where touched is 0
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
    zero, one = spread(ZERO), spread(ONE)
    skip, stop, clamp = spread(LOG2_ALPHA_SKIP), spread(TRANSMITTANCE_STOP), spread(alpha_clamp)
    while True:
        tile = next_task(counter)
        if tile >= tile_start.size - 1:
            return
        tile_row = tile // tile_columns
        tile_column = tile - tile_row * tile_columns
        left, top = tile_column * TILE_SIZE, tile_row * TILE_SIZE
        start_transmittance(scratch, base, left, top, width, height)
        wanted = NO_BLOCKS
        for block in range(TILE_BLOCKS):
            x = left + (block & (TILE_SIDE - 1)) * BLOCK
            y = top + (block >> TILE_SHIFT) * BLOCK
            any_gradient = False
            for lane in range(WIDTH):
                at = block * WIDTH + lane
                column, row = x + (lane & (BLOCK - 1)), y + lane // BLOCK
                if column < width and row < height:
                    pixel = row * width + column
                    v_r, v_g, v_b = (
                        rgb_gradient[pixel],
                        rgb_gradient[plane + pixel],
                        rgb_gradient[2 * plane + pixel],
                    )
                    v_expected, v_alpha = depth_gradient[pixel], alpha_gradient[pixel]
                    opacity, expected = alpha[pixel], depth[pixel]
                    v_accumulated = v_expected / max(opacity, MINIMAL_ALPHA)
                    if opacity > MINIMAL_ALPHA:
                        v_alpha -= v_accumulated * expected
                    scratch[red + at], scratch[green + at], scratch[blue + at] = v_r, v_g, v_b
                    scratch[deep + at] = v_accumulated
                    # The rendering holds the background already, so its share of T_final needs no further term.
                    scratch[rest + at] = (
                        v_r * rgb[pixel]
                        + v_g * rgb[plane + pixel]
                        + v_b * rgb[2 * plane + pixel]
                        + v_expected * expected
                        - v_alpha * (ONE - opacity)
                    )
                    any_gradient |= v_r != 0 or v_g != 0 or v_b != 0 or v_expected != 0 or v_alpha != 0
                else:
                    scratch[red + at], scratch[green + at], scratch[blue + at] = ZERO, ZERO, ZERO
                    scratch[deep + at], scratch[rest + at] = ZERO, ZERO
            if any_gradient:
                wanted |= ONE_BLOCK << np.uint64(block)

        for entry in range(tile_start[tile], tile_start[tile + 1]):
            i = entries[entry]
            slot = slot_of(bounds, first_slot, i, tile_column, tile_row)
            hit = hits[slot] & wanted
            touched[slot] = hit
            if hit == NO_BLOCKS:
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
                u = columns() + spread(offset_x + np.float32((block & (TILE_SIDE - 1)) * BLOCK))
                v = rows() + spread(offset_y + np.float32((block >> TILE_SHIFT) * BLOCK))
                exponent = fused(fused(xx, u, xy * v), u, fused(yy * v, v, peak))
                before = load(scratch, base + at)
                met = (exponent >= skip) & (before > zero)
                raw = exp2(exponent)
                opaque = minimum(clamp, raw)
                weight = opaque * before
                after = before - weight
                goes_on = after > stop
                weight = select(met & goes_on, weight, zero)
                store(scratch, base + at, select(met, select(goes_on, after, zero - before), before))

                v_r, v_g, v_b = load(scratch, red + at), load(scratch, green + at), load(scratch, blue + at)
                v_z = load(scratch, deep + at)
                sum_r, sum_g, sum_b = fused(weight, v_r, sum_r), fused(weight, v_g, sum_g), fused(weight, v_b, sum_b)
                sum_z = fused(weight, v_z, sum_z)
                share = weight * fused(v_r, r, fused(v_g, g, fused(v_b, b, v_z * z)))
                behind = load(scratch, rest + at) - share
                store(scratch, rest + at, behind)
                # alpha (T (v . c) - R / (1 - alpha)), and nothing through the clamp.
                s = share - behind * opaque / (one - opaque)
                s = select(met & goes_on & (clamp >= raw), s, zero)
                su, sv = s * u, s * v
                sum_s, sum_su, sum_sv = sum_s + s, sum_su + su, sum_sv + sv
                sum_suu, sum_suv, sum_svv = fused(su, u, sum_suu), fused(su, v, sum_suv), fused(sv, v, sum_svv)
            sums[slot, SUM_RED] = total(sum_r)
            sums[slot, SUM_GREEN] = total(sum_g)
            sums[slot, SUM_BLUE] = total(sum_b)
            sums[slot, SUM_DEPTH] = total(sum_z)
            sums[slot, SUM_S] = total(sum_s)
            sums[slot, SUM_SU] = total(sum_su)
            sums[slot, SUM_SV] = total(sum_sv)
            sums[slot, SUM_SUU] = total(sum_suu)
            sums[slot, SUM_SUV] = total(sum_suv)
            sums[slot, SUM_SVV] = total(sum_svv)
