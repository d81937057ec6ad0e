"""L1 and SSIM between two stacks of image planes, with the gradient, in one sweep that stays within the cache.

With S = A1 A2 / (B1 B2), A1 = 2 m1 m2 + C1, A2 = 2 cov + C2, B1 = m1^2 + m2^2 + C1, B2 = var1 + var2 + C2, and the
blurred x, y, x^2 + y^2 and x y as the only statistics, the gradient by x is
blur(dS/dm1) + 2 x blur(dS/dE[x^2 + y^2]) + y blur(dS/dE[x y]): the blur with zero padding is its own adjoint.
All of it in values less CENTRE (the padding too), which leaves variances as they are and cancels fewer digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.lane_memory import load, store
from padbench_gaussians.kernels.lanes import BLOCK, WIDTH, absolute, columns, fused, rows, select, spread, total
from padbench_gaussians.kernels.scheduling import next_task

C1 = np.float32(0.01**2)
C2 = np.float32(0.03**2)
SIGMA = 1.5
RADIUS = 5
TAPS = 2 * RADIUS + 1
CENTRE = np.float32(0.5)
# A task is a tile of at most so many pixels. With its margins a row is whole groups of sixteen lanes.
TILE_WIDTH = 118
TILE_HEIGHT = 100
LINE = (TILE_WIDTH + 4 * RADIUS) // WIDTH * WIDTH + 2 * WIDTH

_window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
_window /= _window.sum()
W0, W1, W2, W3, W4, W5 = (np.float32(_window[RADIUS + offset]) for offset in range(RADIUS + 1))

ZERO = np.float32(0)
ONE = np.float32(1)
TWO = np.float32(2)


def tile_count(planes: int, height: int, width: int) -> int:
    """How many tiles `compare` works on."""
    return planes * -(-height // TILE_HEIGHT) * -(-width // TILE_WIDTH)


@njit(inline="always")
def blurred(buffer: Any, at: int, step: int) -> Any:
    """The window's sum along a line of the buffer, centred on each of sixteen pixels from `at`."""
    value = spread(W0) * load(buffer, at)
    value = fused(spread(W1), load(buffer, at - step) + load(buffer, at + step), value)
    value = fused(spread(W2), load(buffer, at - 2 * step) + load(buffer, at + 2 * step), value)
    value = fused(spread(W3), load(buffer, at - 3 * step) + load(buffer, at + 3 * step), value)
    value = fused(spread(W4), load(buffer, at - 4 * step) + load(buffer, at + 4 * step), value)
    return fused(spread(W5), load(buffer, at - 5 * step) + load(buffer, at + 5 * step), value)


@njit(inline="always")
def fetch(image: Any, start: int, left: int, number: int, width: int, line: Any, at: int) -> None:
    """Copy `number` columns from `left` on of the image row that begins at `start`, padded by zeros, less CENTRE."""
    for k in range(0, number, WIDTH):
        column = left + k
        if column >= 0 and column + WIDTH <= width:
            store(line, at + k, load(image, start + column) - CENTRE)
        else:
            for lane in range(WIDTH):
                line[at + k + lane] = -CENTRE
            for lane in range(max(0, -column), min(WIDTH, width - column)):
                line[at + k + lane] = image[start + column + lane] - CENTRE


@njit(inline="always")
def push(ring: Any, row: int, at: int, value: Any) -> None:
    """Write to a ring of rows, twice, so that the last rows always lie one after another."""
    slot = (row % TAPS) * LINE + at
    store(ring, slot, value)
    store(ring, slot + TAPS * LINE, value)


@njit(cache=True, nogil=True, error_model="numpy")
def compare(
    counter: Any,
    first: Any,  # (P H W,)
    second: Any,  # (P H W,)
    planes: int,
    height: int,
    width: int,
    absolute_factor: Any,  # what |x - y| of a pixel counts in the loss
    similarity_factor: Any,  # what S of a pixel counts
    gradient: Any,  # (P H W,) out: of the loss by first; empty where it is not wanted
    sums: Any,  # (tile_count, 2) float64 out: of |x - y| and of S
) -> None:
    """Sum |x - y| and S over every tile, and differentiate the sums times their factors."""
    down, across = (height + TILE_HEIGHT - 1) // TILE_HEIGHT, (width + TILE_WIDTH - 1) // TILE_WIDTH
    # Lines with margins of twice the radius for the input and of the radius for the derivatives of S.
    line = np.zeros(4 * LINE, np.float32)
    x_line, y_line, square_line, product_line = 0, LINE, 2 * LINE, 3 * LINE
    slope = np.zeros(3 * LINE, np.float32)
    ring = 2 * TAPS * LINE
    smooth = np.empty(4 * ring, np.float32)
    smooth_slope = np.empty(3 * ring, np.float32)
    zero = spread(ZERO)
    by_absolute, by_similarity = spread(absolute_factor), spread(similarity_factor)
    lane = np.float32(BLOCK) * rows() + columns()
    while True:
        task = next_task(counter)
        if task >= planes * down * across:
            return
        image, place = task // (down * across), task % (down * across)
        # Tiles of nearly one size.
        top, bottom = place // across * height // down, (place // across + 1) * height // down
        left, right = place % across * width // across, (place % across + 1) * width // across
        start = image * height * width
        absolute_sum, similarity_sum = zero, zero
        margin = RADIUS if gradient.size > 0 else 0
        for source in range(top - RADIUS - margin, bottom + RADIUS + margin):
            # A row outside the image is one without columns.
            columns_there = width if 0 <= source < height else 0
            begin = start + source * width
            fetch(first, begin, left - 2 * RADIUS, right - left + 4 * RADIUS, columns_there, line, x_line)
            fetch(second, begin, left - 2 * RADIUS, right - left + 4 * RADIUS, columns_there, line, y_line)
            for k in range(0, right - left + 4 * RADIUS, WIDTH):
                x, y = load(line, x_line + k), load(line, y_line + k)
                store(line, square_line + k, fused(x, x, y * y))
                store(line, product_line + k, x * y)
                if top <= source < bottom:
                    column = lane + np.float32(left - 2 * RADIUS + k)
                    own = (column >= np.float32(left)) & (np.float32(right) > column)
                    absolute_sum = absolute_sum + select(own, absolute(x - y), zero)
            ring_row = source + 2 * TAPS  # never negative
            for k in range(0, right - left + 2 * RADIUS, WIDTH):
                for quantity in range(4):
                    value = blurred(line, quantity * LINE + k + RADIUS, 1)
                    push(smooth, ring_row, quantity * ring + k, value)

            row = source - RADIUS
            if row < top - margin:
                continue
            inside_image = 0 <= row < height
            if inside_image:
                centre = ((ring_row + 1) % TAPS + RADIUS) * LINE
                own_row = top <= row < bottom
                for k in range(0, right - left + 2 * RADIUS, WIDTH):
                    m1, m2 = blurred(smooth, centre + k, LINE), blurred(smooth, ring + centre + k, LINE)
                    squares = blurred(smooth, 2 * ring + centre + k, LINE)
                    products = blurred(smooth, 3 * ring + centre + k, LINE)
                    a2 = TWO * (products - m1 * m2) + C2
                    b2 = squares - fused(m1, m1, m2 * m2) + C2
                    full1, full2 = m1 + CENTRE, m2 + CENTRE
                    a1, b1 = TWO * full1 * full2 + C1, full1 * full1 + full2 * full2 + C1
                    inverse = ONE / (b1 * b2)
                    similarity = a1 * a2 * inverse
                    column = lane + np.float32(left - RADIUS + k)
                    if own_row:
                        own = (column >= np.float32(left)) & (np.float32(right) > column)
                        similarity_sum = similarity_sum + select(own, similarity, zero)
                    valid = (column >= ZERO) & (np.float32(width) > column)
                    by_mean = (full2 * a2 - m2 * a1 + similarity * (m1 * b1 - full1 * b2)) * inverse
                    store(slope, k, select(valid, TWO * by_mean, zero))
                    store(slope, LINE + k, select(valid, ZERO - similarity * b1 * inverse, zero))
                    store(slope, 2 * LINE + k, select(valid, TWO * a1 * inverse, zero))
            if margin == 0:
                continue
            for k in range(0, right - left, WIDTH):
                for quantity in range(3):
                    value = blurred(slope, quantity * LINE + k + RADIUS, 1) if inside_image else zero
                    push(smooth_slope, ring_row, quantity * ring + k, value)

            row -= RADIUS
            if row < top:
                continue
            centre = ((ring_row + 1) % TAPS + RADIUS) * LINE
            begin = start + row * width + left
            for k in range(0, right - left, WIDTH):
                here = min(WIDTH, right - left - k)
                if here < WIDTH:
                    for number in range(here):
                        slope[number] = first[begin + k + number]
                        slope[WIDTH + number] = second[begin + k + number]
                    x, y = load(slope, 0), load(slope, WIDTH)
                else:
                    x, y = load(first, begin + k), load(second, begin + k)
                similarity = fused(
                    TWO * (x - CENTRE),
                    blurred(smooth_slope, ring + centre + k, LINE),
                    blurred(smooth_slope, centre + k, LINE),
                )
                similarity = fused(y - CENTRE, blurred(smooth_slope, 2 * ring + centre + k, LINE), similarity)
                sign = select(x > y, by_absolute, select(y > x, ZERO - by_absolute, zero))
                value = fused(by_similarity, similarity, sign)
                if here < WIDTH:
                    store(slope, 0, value)
                    for number in range(here):
                        gradient[begin + k + number] = slope[number]
                else:
                    store(gradient, begin + k, value)
        sums[task, 0] = total(absolute_sum)
        sums[task, 1] = total(similarity_sum)
