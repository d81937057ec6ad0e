"""The projection of sixteen Gaussians at once (EWA splatting, as gsplat 1.5.3's `ProjectionEWA3DGSFused.cu`).

The covariance in the image is M M^T with M = J W R diag(s): the Jacobian of the projection, the rotations of the camera
and of the Gaussian, and its scales. P = J W, Q = P R.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from padbench_gaussians.kernels.lane_memory import gather
from padbench_gaussians.kernels.lanes import maximum, minimum, spread, square_root
from padbench_gaussians.kernels.records import EPS2D

ONE = np.float32(1)
TWO = np.float32(2)
MINIMAL_NORM = np.float32(1e-12)


class Lens(NamedTuple):
    """A pinhole camera's intrinsics, and the range of x / z and y / z that the Jacobian is clamped to."""

    fx: Any
    fy: Any
    cx: Any
    cy: Any
    u_low: Any
    u_high: Any
    v_low: Any
    v_high: Any


class Footprint(NamedTuple):
    """What sixteen Gaussians look like to a camera, lane by lane."""

    x: Any  # the mean in camera coordinates
    y: Any
    z: Any
    over_z: Any
    u: Any  # x / z
    v: Any
    u_clamped: Any
    v_clamped: Any
    j00: Any  # J = [[j00, 0, j02], [0, j11, j12]]
    j02: Any
    j11: Any
    j12: Any
    p00: Any
    p01: Any
    p02: Any
    p10: Any
    p11: Any
    p12: Any
    over_norm: Any  # of the quaternion
    qw: Any  # the unit quaternion
    qx: Any
    qy: Any
    qz: Any
    r00: Any
    r01: Any
    r02: Any
    r10: Any
    r11: Any
    r12: Any
    r20: Any
    r21: Any
    r22: Any
    q00: Any
    q01: Any
    q02: Any
    q10: Any
    q11: Any
    q12: Any
    c00: Any  # the covariance, not dilated
    c01: Any
    c11: Any
    sharp: Any  # its determinant
    determinant: Any  # that of the dilated covariance


@njit(inline="always")
def lens_of(intrinsics: Any, width: int, height: int) -> Any:
    """The lens of a (3, 3) matrix: beyond the image lie 15 % of its size on either side until the clamp."""
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    across, down = np.float32(width), np.float32(height)
    margin_u, margin_v = np.float32(0.15) * across / fx, np.float32(0.15) * down / fy
    return Lens(
        fx,
        fy,
        cx,
        cy,
        -(cx / fx + margin_u),
        (across - cx) / fx + margin_u,
        -(cy / fy + margin_v),
        (down - cy) / fy + margin_v,
    )


@njit(inline="always")
def footprint_of(
    first: Any, count: Any, means: Any, quats: Any, scales: Any, w: Any, lens: Any
) -> Any:  # w: (3+, 4) world to camera
    """Project `count` Gaussians from `first` on; lanes beyond them repeat the first."""
    px, py, pz = (
        gather(means, first * 3, 3, count),
        gather(means, first * 3 + 1, 3, count),
        gather(means, first * 3 + 2, 3, count),
    )
    x = w[0, 0] * px + w[0, 1] * py + w[0, 2] * pz + w[0, 3]
    y = w[1, 0] * px + w[1, 1] * py + w[1, 2] * pz + w[1, 3]
    z = w[2, 0] * px + w[2, 1] * py + w[2, 2] * pz + w[2, 3]
    over_z = ONE / z
    u, v = x * over_z, y * over_z
    u_clamped = minimum(maximum(u, spread(lens.u_low)), spread(lens.u_high))
    v_clamped = minimum(maximum(v, spread(lens.v_low)), spread(lens.v_high))
    j00, j11 = lens.fx * over_z, lens.fy * over_z
    j02, j12 = -lens.fx * over_z * u_clamped, -lens.fy * over_z * v_clamped
    p00, p10 = j00 * w[0, 0] + j02 * w[2, 0], j11 * w[1, 0] + j12 * w[2, 0]
    p01, p11 = j00 * w[0, 1] + j02 * w[2, 1], j11 * w[1, 1] + j12 * w[2, 1]
    p02, p12 = j00 * w[0, 2] + j02 * w[2, 2], j11 * w[1, 2] + j12 * w[2, 2]

    qw, qx = gather(quats, first * 4, 4, count), gather(quats, first * 4 + 1, 4, count)
    qy, qz = gather(quats, first * 4 + 2, 4, count), gather(quats, first * 4 + 3, 4, count)
    norm = square_root(qw * qw + qx * qx + qy * qy + qz * qz)
    over_norm = ONE / maximum(norm, spread(MINIMAL_NORM))
    qw, qx, qy, qz = qw * over_norm, qx * over_norm, qy * over_norm, qz * over_norm
    r00, r01, r02 = ONE - TWO * (qy * qy + qz * qz), TWO * (qx * qy - qw * qz), TWO * (qx * qz + qw * qy)
    r10, r11, r12 = TWO * (qx * qy + qw * qz), ONE - TWO * (qx * qx + qz * qz), TWO * (qy * qz - qw * qx)
    r20, r21, r22 = TWO * (qx * qz - qw * qy), TWO * (qy * qz + qw * qx), ONE - TWO * (qx * qx + qy * qy)
    q00, q10 = p00 * r00 + p01 * r10 + p02 * r20, p10 * r00 + p11 * r10 + p12 * r20
    q01, q11 = p00 * r01 + p01 * r11 + p02 * r21, p10 * r01 + p11 * r11 + p12 * r21
    q02, q12 = p00 * r02 + p01 * r12 + p02 * r22, p10 * r02 + p11 * r12 + p12 * r22

    s0, s1, s2 = (
        gather(scales, first * 3, 3, count),
        gather(scales, first * 3 + 1, 3, count),
        gather(scales, first * 3 + 2, 3, count),
    )
    m00, m01, m02, m10, m11, m12 = q00 * s0, q01 * s1, q02 * s2, q10 * s0, q11 * s1, q12 * s2
    c00 = m00 * m00 + m01 * m01 + m02 * m02
    c01 = m00 * m10 + m01 * m11 + m02 * m12
    c11 = m10 * m10 + m11 * m11 + m12 * m12
    # Cauchy-Binet: a sum of squares, where c00 c11 - c01^2 would cancel for needles.
    n0, n1, n2 = m00 * m11 - m01 * m10, m00 * m12 - m02 * m10, m01 * m12 - m02 * m11
    sharp = n0 * n0 + n1 * n1 + n2 * n2
    determinant = sharp + EPS2D * (c00 + c11 + EPS2D)
    return Footprint(
        x, y, z, over_z, u, v, u_clamped, v_clamped, j00, j02, j11, j12, p00, p01, p02, p10, p11, p12,
        over_norm, qw, qx, qy, qz, r00, r01, r02, r10, r11, r12, r20, r21, r22, q00, q01, q02, q10, q11, q12,
        c00, c01, c11, sharp, determinant,
    )  # fmt: skip
