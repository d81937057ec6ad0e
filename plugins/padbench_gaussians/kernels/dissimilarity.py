"""L1 and SSIM between two stacks of image planes, with the gradient, tile by tile within the first-level cache.

With S = A1 A2 / (B1 B2), A1 = 2 m1 m2 + C1, A2 = 2 cov + C2, B1 = m1^2 + m2^2 + C1, B2 = var1 + var2 + C2, and the
blurred x, y, x^2 + y^2 and x y as the only statistics, the gradient by x is
blur(dS/dm1) + 2 x blur(dS/dE[x^2 + y^2]) + y blur(dS/dE[x y]): the blur with zero padding is its own adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.lanes import (
    WIDTH,
    absolute,
    columns,
    fused,
    load,
    rows,
    select,
    spread,
    store,
    total,
)
from padbench_gaussians.kernels.scheduling import next_task

C1 = np.float32(0.01**2)
C2 = np.float32(0.03**2)
SIGMA = 1.5
RADIUS = 5
SIDE = 64  # pixels of a tile's side
LINE = 96  # a tile's row with its margins, rounded up
ROWS = SIDE + 2 * RADIUS

_window = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
_window /= _window.sum()
W0, W1, W2, W3, W4, W5 = (np.float32(_window[RADIUS + offset]) for offset in range(RADIUS + 1))

ZERO = np.float32(0)
ONE = np.float32(1)
TWO = np.float32(2)


def padded(width: int) -> int:
    """The row length of the derivative planes: whole groups of lanes."""
    return -(-width // WIDTH) * WIDTH


@njit(inline="always")
def blurred(buffer: Any, at: int, step: int) -> Any:
    """The window's sum along a line of the buffer, for sixteen pixels from `at`."""
    value = spread(W0) * load(buffer, at)
    value = fused(spread(W1), load(buffer, at - step) + load(buffer, at + step), value)
    value = fused(spread(W2), load(buffer, at - 2 * step) + load(buffer, at + 2 * step), value)
    value = fused(spread(W3), load(buffer, at - 3 * step) + load(buffer, at + 3 * step), value)
    value = fused(spread(W4), load(buffer, at - 4 * step) + load(buffer, at + 4 * step), value)
    return fused(spread(W5), load(buffer, at - 5 * step) + load(buffer, at + 5 * step), value)


@njit(inline="always")
def fetch(image: Any, start: int, first: int, last: int, line: Any, at: int) -> None:
    """Copy columns first - RADIUS ... of an image row that begins at `start`; zeros outside [0, last)."""
    for k in range(LINE):
        line[at + k] = ZERO
    for column in range(max(first - RADIUS, 0), min(first + SIDE + RADIUS, last)):
        line[at + column - first + RADIUS] = image[start + column]


@njit(cache=True, nogil=True, error_model="numpy")
def compare(
    counter: Any,
    first: Any,  # (P H W,)
    second: Any,  # (P H W,)
    planes: int,
    height: int,
    width: int,
    derivatives: Any,  # (3 P H padded(W),) out: dS/dm1, dS/dE[x^2 + y^2], dS/dE[x y]; empty where no gradient is wanted
    sums: Any,  # (tiles, 2) float64 out: of |x - y| and of S
) -> None:
    """Sum |x - y| and SSIM over every tile of P planes."""
    across, down = (width + SIDE - 1) // SIDE, (height + SIDE - 1) // SIDE
    pitch = (width + WIDTH - 1) // WIDTH * WIDTH
    plane_size = planes * height * pitch
    line = np.empty(4 * LINE, np.float32)
    x_line, y_line, square_line, product_line = 0, LINE, 2 * LINE, 3 * LINE
    smooth = np.empty(4 * ROWS * SIDE, np.float32)
    plane = ROWS * SIDE
    one, zero, two = spread(ONE), spread(ZERO), spread(TWO)
    c1, c2 = spread(C1), spread(C2)
    lane = fused(rows(), spread(np.float32(4)), columns())
    while True:
        task = next_task(counter)
        if task >= planes * down * across:
            return
        image, place = task // (down * across), task % (down * across)
        top, left = place // across * SIDE, place % across * SIDE
        bottom, right = min(top + SIDE, height), min(left + SIDE, width)
        start = image * height * width
        absolute_sum, similarity_sum = zero, zero
        for source in range(top - RADIUS, bottom + RADIUS):
            at = (source - top + RADIUS) * SIDE
            if 0 <= source < height:
                fetch(first, start + source * width, left, width, line, x_line)
                fetch(second, start + source * width, left, width, line, y_line)
                for k in range(0, SIDE + WIDTH, WIDTH):
                    x, y = load(line, x_line + k), load(line, y_line + k)
                    store(line, square_line + k, fused(x, x, y * y))
                    store(line, product_line + k, x * y)
                for k in range(0, right - left, WIDTH):
                    if top <= source < bottom:
                        difference = load(line, x_line + RADIUS + k) - load(line, y_line + RADIUS + k)
                        inside = spread(np.float32(width - left - k)) > lane
                        absolute_sum = absolute_sum + select(inside, absolute(difference), zero)
                    for quantity in range(4):
                        value = blurred(line, quantity * LINE + k + RADIUS, 1)
                        store(smooth, quantity * plane + at + k, value)
            else:
                for k in range(0, right - left, WIDTH):
                    for quantity in range(4):
                        store(smooth, quantity * plane + at + k, zero)
            row = source - RADIUS
            if row < top:
                continue
            at -= RADIUS * SIDE
            for k in range(0, right - left, WIDTH):
                m1, m2 = blurred(smooth, at + k, SIDE), blurred(smooth, plane + at + k, SIDE)
                squares = blurred(smooth, 2 * plane + at + k, SIDE)
                products = blurred(smooth, 3 * plane + at + k, SIDE)
                mean_product, mean_squares = m1 * m2, fused(m1, m1, m2 * m2)
                a1, b1 = fused(two, mean_product, c1), mean_squares + c1
                a2, b2 = fused(two, products - mean_product, c2), squares - mean_squares + c2
                inverse = one / (b1 * b2)
                similarity = a1 * a2 * inverse
                inside = spread(np.float32(width - left - k)) > lane
                similarity_sum = similarity_sum + select(inside, similarity, zero)
                if derivatives.size > 0:
                    to = (image * height + row) * pitch + left + k
                    by_mean = m2 * (a2 - a1) * inverse + m1 * similarity * inverse * (b1 - b2)
                    store(derivatives, to, select(inside, two * by_mean, zero))
                    by_squares = zero - similarity * b1 * inverse
                    store(derivatives, plane_size + to, select(inside, by_squares, zero))
                    store(derivatives, 2 * plane_size + to, select(inside, two * a1 * inverse, zero))
        sums[task, 0] = total(absolute_sum)
        sums[task, 1] = total(similarity_sum)


@njit(cache=True, nogil=True, error_model="numpy")
def compare_gradient(
    counter: Any,
    first: Any,  # (P H W,)
    second: Any,  # (P H W,)
    planes: int,
    height: int,
    width: int,
    derivatives: Any,  # (3 P H padded(W),) as `compare` left them
    absolute_factor: Any,  # what |x - y| of a pixel counts in the loss
    similarity_factor: Any,  # what S of a pixel counts
    gradient: Any,  # (P H W,) out: of the loss by first
) -> None:
    """The gradient of absolute_factor sum |x - y| + similarity_factor sum S."""
    across, down = (width + SIDE - 1) // SIDE, (height + SIDE - 1) // SIDE
    pitch = (width + WIDTH - 1) // WIDTH * WIDTH
    plane_size = planes * height * pitch
    line = np.empty(3 * LINE, np.float32)
    smooth = np.empty(3 * ROWS * SIDE, np.float32)
    plane = ROWS * SIDE
    zero, two = spread(ZERO), spread(TWO)
    by_absolute, by_similarity = spread(absolute_factor), spread(similarity_factor)
    while True:
        task = next_task(counter)
        if task >= planes * down * across:
            return
        image, place = task // (down * across), task % (down * across)
        top, left = place // across * SIDE, place % across * SIDE
        bottom, right = min(top + SIDE, height), min(left + SIDE, width)
        for source in range(top - RADIUS, bottom + RADIUS):
            at = (source - top + RADIUS) * SIDE
            if 0 <= source < height:
                for quantity in range(3):
                    begin = quantity * plane_size + (image * height + source) * pitch
                    fetch(derivatives, begin, left, width, line, quantity * LINE)
                for k in range(0, right - left, WIDTH):
                    for quantity in range(3):
                        value = blurred(line, quantity * LINE + k + RADIUS, 1)
                        store(smooth, quantity * plane + at + k, value)
            else:
                for k in range(0, right - left, WIDTH):
                    for quantity in range(3):
                        store(smooth, quantity * plane + at + k, zero)
            row = source - RADIUS
            if row < top:
                continue
            at -= RADIUS * SIDE
            start = (image * height + row) * width + left
            for k in range(0, right - left, WIDTH):
                here = min(WIDTH, right - left - k)
                if here < WIDTH:
                    for lane in range(here):
                        line[lane] = first[start + k + lane]
                        line[LINE + lane] = second[start + k + lane]
                    x, y = load(line, 0), load(line, LINE)
                else:
                    x, y = load(first, start + k), load(second, start + k)
                similarity = fused(two * x, blurred(smooth, plane + at + k, SIDE), blurred(smooth, at + k, SIDE))
                similarity = fused(y, blurred(smooth, 2 * plane + at + k, SIDE), similarity)
                sign = select(x > y, by_absolute, select(y > x, zero - by_absolute, zero))
                value = fused(by_similarity, similarity, sign)
                if here < WIDTH:
                    store(line, 2 * LINE, value)
                    for lane in range(here):
                        gradient[start + k + lane] = line[2 * LINE + lane]
                else:
                    store(gradient, start + k, value)
