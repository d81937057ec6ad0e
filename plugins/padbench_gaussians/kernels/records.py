"""What the kernels agree on: the thresholds of gsplat 1.5.3 and the layout of the arrays they hand on.

record: float32 (N, RECORD), one cache line a Gaussian of one camera. The exponent of alpha is kept to base 2:
log2(alpha) = A u^2 + B u v + C v^2 + log2(opacity), with (u, v) from the projected mean to the pixel's centre.
bounds: uint64 (N,), first and last column, first and last row of the 4x4 blocks a Gaussian may be seen in, each in
16 bits. The record holds them as well (element BOUNDS of its view as uint64): compositing reads one cache line.
entries: int32 (E,), the Gaussians of every tile, front to back; tile t owns tile_start[t] to tile_start[t + 1].
positions: int32 (E,), the entries of every Gaussian; Gaussian i owns first_position[i] to first_position[i + 1].
hits: uint64 (E,), a bit for each of the tile's 8 x 8 blocks; sums: float32 (E, SUMS).
"""

from __future__ import annotations

import numpy as np

from padbench_gaussians.kernels.lanes import TOTAL_LANES

EPS2D = np.float32(0.3)
NEAR_PLANE = np.float32(0.01)
ALPHA_SKIP = np.float32(1.0 / 255.0)
LOG2_ALPHA_SKIP = np.float32(-np.log2(255.0))
TRANSMITTANCE_STOP = np.float32(1e-4)
# gsplat 1.6 lowers it to 0.99.
ALPHA_CLAMP = np.float32(0.999)
MINIMAL_ALPHA = np.float32(1e-10)

BLOCK_SHIFT = 2  # blocks of 4 pixels
TILE_SHIFT = 3  # tiles of 8 x 8 blocks: a bit of a uint64 each
TILE_BLOCKS = 64
TILE_PIXELS = 1024

RECORD = 16
MEAN_X, MEAN_Y, CURVE_XX, CURVE_XY, CURVE_YY, LOG2_OPACITY, RED, GREEN, BLUE, DEPTH = range(10)

BOUNDS = 5  # in uint64 elements: floats 10 and 11

# Sums over pixels that the backward pass leaves for an entry. s is the gradient with respect to ln(alpha).
SUMS = 16
SUM_RED, SUM_GREEN, SUM_BLUE, SUM_DEPTH, SUM_S, SUM_SU, SUM_SV, SUM_SUU, SUM_SUV, SUM_SVV = TOTAL_LANES

CHUNK = 512  # Gaussians in one task
