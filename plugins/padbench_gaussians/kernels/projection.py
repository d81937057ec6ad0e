"""Project Gaussians into one camera (EWA splatting, as gsplat 1.5.3's `ProjectionEWA3DGSFused.cu`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

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

HALF = np.float32(0.5)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
LOG2_E = np.float32(math.log2(math.e))
TWO_LN_2 = np.float32(2.0 * math.log(2.0))
# Rounding may not lose a pixel at the rim: the bounding box is a little larger than the ellipse.
RIM_FACTOR = np.float32(1.0001)
RIM = np.float32(0.001)
MINIMAL_NORM = np.float32(1e-12)


@njit(inline="always")
def field_of_view(focal: Any, centre: Any, size: Any) -> tuple[Any, Any]:
    """The range of x / z that the projection Jacobian is clamped to: the image and 15 % of its size on either side."""
    margin = np.float32(0.15) * np.float32(size) / focal
    return -(centre / focal + margin), (np.float32(size) - centre) / focal + margin


@njit(inline="always")
def rotation_of(w: Any, x: Any, y: Any, z: Any) -> Any:
    """The rotation matrix of a unit quaternion, row by row."""
    return (
        ONE - TWO * (y * y + z * z),
        TWO * (x * y - w * z),
        TWO * (x * z + w * y),
        TWO * (x * y + w * z),
        ONE - TWO * (x * x + z * z),
        TWO * (y * z - w * x),
        TWO * (x * z - w * y),
        TWO * (y * z + w * x),
        ONE - TWO * (x * x + y * y),
    )


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
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
    record_bounds: Any,  # (N, 2 RECORD) int16 view of the record
    bounds: Any,  # (N, 4) int16 out
    tiles: Any,  # (N,) int32 out: how many tiles the Gaussian touches
) -> None:
    """Fill the records, bounds and tile counts of one camera; 0 tiles where nothing is visible."""
    w = world_to_camera
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    u_low, u_high = field_of_view(fx, cx, width)
    v_low, v_high = field_of_view(fy, cy, height)
    number = means.shape[0]
    while True:
        start = next_task(counter) * CHUNK
        if start >= number:
            return
        for i in range(start, min(start + CHUNK, number)):
            tiles[i] = 0
            px, py, pz = means[i, 0], means[i, 1], means[i, 2]
            z = w[2, 0] * px + w[2, 1] * py + w[2, 2] * pz + w[2, 3]
            if not z >= NEAR_PLANE:
                continue
            x = w[0, 0] * px + w[0, 1] * py + w[0, 2] * pz + w[0, 3]
            y = w[1, 0] * px + w[1, 1] * py + w[1, 2] * pz + w[1, 3]
            rz = ONE / z
            u, v = x * rz, y * rz
            j00, j02 = fx * rz, -fx * rz * min(max(u, u_low), u_high)
            j11, j12 = fy * rz, -fy * rz * min(max(v, v_low), v_high)
            p00, p01, p02 = (
                j00 * w[0, 0] + j02 * w[2, 0],
                j00 * w[0, 1] + j02 * w[2, 1],
                j00 * w[0, 2] + j02 * w[2, 2],
            )
            p10, p11, p12 = (
                j11 * w[1, 0] + j12 * w[2, 0],
                j11 * w[1, 1] + j12 * w[2, 1],
                j11 * w[1, 2] + j12 * w[2, 2],
            )
            qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            norm: Any = max(math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz), MINIMAL_NORM)
            inverse = ONE / norm
            r00, r01, r02, r10, r11, r12, r20, r21, r22 = rotation_of(
                qw * inverse, qx * inverse, qy * inverse, qz * inverse
            )
            s0, s1, s2 = scales[i, 0], scales[i, 1], scales[i, 2]
            # The covariance is M M^T with M = (Jacobian . camera rotation . Gaussian rotation . scales), (2, 3).
            m00 = (p00 * r00 + p01 * r10 + p02 * r20) * s0
            m01 = (p00 * r01 + p01 * r11 + p02 * r21) * s1
            m02 = (p00 * r02 + p01 * r12 + p02 * r22) * s2
            m10 = (p10 * r00 + p11 * r10 + p12 * r20) * s0
            m11 = (p10 * r01 + p11 * r11 + p12 * r21) * s1
            m12 = (p10 * r02 + p11 * r12 + p12 * r22) * s2
            c00 = m00 * m00 + m01 * m01 + m02 * m02
            c01 = m00 * m10 + m01 * m11 + m02 * m12
            c11 = m10 * m10 + m11 * m11 + m12 * m12
            # Cauchy-Binet: a sum of squares, where c00 c11 - c01^2 would cancel for needles.
            n0, n1, n2 = m00 * m11 - m01 * m10, m00 * m12 - m02 * m10, m01 * m12 - m02 * m11
            sharp = n0 * n0 + n1 * n1 + n2 * n2
            determinant = sharp + EPS2D * (c00 + c11 + EPS2D)
            opacity = opacities[i]
            if antialiased:
                opacity *= math.sqrt(sharp / determinant)
            if not opacity >= ALPHA_SKIP:
                continue
            c00 += EPS2D
            c11 += EPS2D
            log2_opacity = math.log2(opacity)
            reach = TWO_LN_2 * (log2_opacity - LOG2_ALPHA_SKIP) * RIM_FACTOR
            reach_x, reach_y = math.sqrt(reach * c00) + RIM, math.sqrt(reach * c11) + RIM
            mean_x, mean_y = fx * u + cx, fy * v + cy
            # A pixel is seen by its centre, half a pixel from its corner. NaN fails the comparison.
            left, right = mean_x - reach_x - HALF, mean_x + reach_x - HALF
            top, bottom = mean_y - reach_y - HALF, mean_y + reach_y - HALF
            if not (right >= 0 and left <= width - 1 and bottom >= 0 and top <= height - 1):
                continue
            first_column = math.ceil(max(left, np.float32(0)))
            last_column = math.floor(min(right, np.float32(width - 1)))
            first_row = math.ceil(max(top, np.float32(0)))
            last_row = math.floor(min(bottom, np.float32(height - 1)))
            if last_column < first_column or last_row < first_row:
                continue
            bx0, bx1 = int(first_column) >> BLOCK_SHIFT, int(last_column) >> BLOCK_SHIFT
            by0, by1 = int(first_row) >> BLOCK_SHIFT, int(last_row) >> BLOCK_SHIFT
            bounds[i, 0], bounds[i, 1], bounds[i, 2], bounds[i, 3] = bx0, bx1, by0, by1
            for k in range(4):
                record_bounds[i, BOUNDS + k] = bounds[i, k]
            tiles[i] = ((bx1 >> TILE_SHIFT) - (bx0 >> TILE_SHIFT) + 1) * ((by1 >> TILE_SHIFT) - (by0 >> TILE_SHIFT) + 1)
            curve = -LOG2_E / determinant
            record[i, MEAN_X] = mean_x
            record[i, MEAN_Y] = mean_y
            record[i, CURVE_XX] = HALF * curve * c11
            record[i, CURVE_XY] = -curve * c01
            record[i, CURVE_YY] = HALF * curve * c00
            record[i, LOG2_OPACITY] = log2_opacity
            record[i, RED] = colors[i, 0]
            record[i, GREEN] = colors[i, 1]
            record[i, BLUE] = colors[i, 2]
            record[i, DEPTH] = z
