"""Gather a Gaussian's sums from its tiles and take them back through the projection to everything it came from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.lanes import any_set, load, prefetch, spread, store
from padbench_gaussians.kernels.projection import (
    HALF,
    MINIMAL_NORM,
    ONE,
    TWO,
    field_of_view,
    rotation_of,
)
from padbench_gaussians.kernels.records import (
    CHUNK,
    EPS2D,
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
    SUMS,
)
from padbench_gaussians.kernels.scheduling import next_task

# Keeps the derivative of the square root finite, as gsplat does in `add_blur_vjp`.
ZERO = np.float32(0)
AHEAD = 16  # entries between asking for their sums and reading them
SQRT_EPS = np.float32(1e-6)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def project_gradient(
    counter: Any,
    first_position: Any,  # (N + 1,)
    positions: Any,  # (E,)
    sums: Any,  # (E, SUMS)
    means: Any,  # (N, 3)
    quats: Any,  # (N, 4)
    scales: Any,  # (N, 3)
    opacities: Any,  # (N,)
    world_to_camera: Any,  # (4, 4)
    intrinsics: Any,  # (3, 3)
    width: int,
    height: int,
    antialiased: bool,
    covariance_gradient: bool,
    means_gradient: Any,  # (N, 3) added to
    quats_gradient: Any,  # (N, 4) added to
    scales_gradient: Any,  # (N, 3) added to
    opacities_gradient: Any,  # (N,) added to
    colors_gradient: Any,  # (N, 3) added to
    camera_gradient: Any,  # (chunks, 3, 4) float64 out: a part from every chunk of Gaussians
) -> None:
    """Add the gradients of one camera's image."""
    w = world_to_camera
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    u_low, u_high = field_of_view(fx, cx, width)
    v_low, v_high = field_of_view(fy, cy, height)
    number = means.shape[0]
    gathered = np.empty(SUMS, np.float32)
    while True:
        chunk = next_task(counter)
        start = chunk * CHUNK
        if start >= number:
            return
        part = camera_gradient[chunk]
        part[:] = 0.0
        for i in range(start, min(start + CHUNK, number)):
            if first_position[i] == first_position[i + 1]:
                continue
            gathering = spread(ZERO)
            for position in range(first_position[i], first_position[i + 1]):
                if position + AHEAD < positions.size:
                    prefetch(sums, positions[position + AHEAD] * SUMS)
                gathering = gathering + load(sums, positions[position] * SUMS)
            if not any_set(gathering != spread(ZERO)):
                continue
            store(gathered, 0, gathering)

            # The projection again, which costs less than keeping it.
            px, py, pz = means[i, 0], means[i, 1], means[i, 2]
            x = w[0, 0] * px + w[0, 1] * py + w[0, 2] * pz + w[0, 3]
            y = w[1, 0] * px + w[1, 1] * py + w[1, 2] * pz + w[1, 3]
            z = w[2, 0] * px + w[2, 1] * py + w[2, 2] * pz + w[2, 3]
            rz = ONE / z
            u, v = x * rz, y * rz
            u_used, v_used = min(max(u, u_low), u_high), min(max(v, v_low), v_high)
            j00, j02 = fx * rz, -fx * rz * u_used
            j11, j12 = fy * rz, -fy * rz * v_used
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
            qw, qx, qy, qz = qw * inverse, qx * inverse, qy * inverse, qz * inverse
            r00, r01, r02, r10, r11, r12, r20, r21, r22 = rotation_of(qw, qx, qy, qz)
            s0, s1, s2 = scales[i, 0], scales[i, 1], scales[i, 2]
            q00 = p00 * r00 + p01 * r10 + p02 * r20
            q01 = p00 * r01 + p01 * r11 + p02 * r21
            q02 = p00 * r02 + p01 * r12 + p02 * r22
            q10 = p10 * r00 + p11 * r10 + p12 * r20
            q11 = p10 * r01 + p11 * r11 + p12 * r21
            q12 = p10 * r02 + p11 * r12 + p12 * r22
            m00, m01, m02 = q00 * s0, q01 * s1, q02 * s2
            m10, m11, m12 = q10 * s0, q11 * s1, q12 * s2
            c00 = m00 * m00 + m01 * m01 + m02 * m02
            c01 = m00 * m10 + m01 * m11 + m02 * m12
            c11 = m10 * m10 + m11 * m11 + m12 * m12
            n0, n1, n2 = m00 * m11 - m01 * m10, m00 * m12 - m02 * m10, m01 * m12 - m02 * m11
            sharp = n0 * n0 + n1 * n1 + n2 * n2
            determinant = sharp + EPS2D * (c00 + c11 + EPS2D)
            over = ONE / determinant
            a, b, c = (c11 + EPS2D) * over, -c01 * over, (c00 + EPS2D) * over

            # ln(alpha) = ln(opacity) - (a u^2 + 2 b u v + c v^2) / 2
            v_opacity = gathered[SUM_S] / opacities[i]
            v_mean_x = a * gathered[SUM_SU] + b * gathered[SUM_SV]
            v_mean_y = b * gathered[SUM_SU] + c * gathered[SUM_SV]
            g00, g01, g11 = -HALF * gathered[SUM_SUU], -HALF * gathered[SUM_SUV], -HALF * gathered[SUM_SVV]
            # Of an inverse: -conic G conic, with G the gradient of the conic as a symmetric matrix.
            h00, h01 = a * g00 + b * g01, a * g01 + b * g11
            h10, h11 = b * g00 + c * g01, b * g01 + c * g11
            k00, k01, k11 = -(h00 * a + h01 * b), -(h00 * b + h01 * c), -(h10 * b + h11 * c)
            if antialiased:
                # opacity sqrt(sharp / determinant): SUM_S is already opacity times the derivative by the opacity.
                ratio = sharp * over
                root = math.sqrt(ratio)
                by_ratio = gathered[SUM_S] * HALF / (root * (root + SQRT_EPS))
                by_sharp, by_determinant = by_ratio * over, -by_ratio * ratio * over
                k00 += by_sharp * c11 + by_determinant * (c11 + EPS2D)
                k01 -= (by_sharp + by_determinant) * c01
                k11 += by_sharp * c00 + by_determinant * (c00 + EPS2D)

            # covariance = M M^T, M = P R diag(s), P = J W
            v_m00, v_m10 = TWO * (k00 * m00 + k01 * m10), TWO * (k01 * m00 + k11 * m10)
            v_m01, v_m11 = TWO * (k00 * m01 + k01 * m11), TWO * (k01 * m01 + k11 * m11)
            v_m02, v_m12 = TWO * (k00 * m02 + k01 * m12), TWO * (k01 * m02 + k11 * m12)
            scales_gradient[i, 0] += v_m00 * q00 + v_m10 * q10
            scales_gradient[i, 1] += v_m01 * q01 + v_m11 * q11
            scales_gradient[i, 2] += v_m02 * q02 + v_m12 * q12
            v_q00, v_q01, v_q02 = v_m00 * s0, v_m01 * s1, v_m02 * s2
            v_q10, v_q11, v_q12 = v_m10 * s0, v_m11 * s1, v_m12 * s2
            v_r00, v_r01, v_r02 = p00 * v_q00 + p10 * v_q10, p00 * v_q01 + p10 * v_q11, p00 * v_q02 + p10 * v_q12
            v_r10, v_r11, v_r12 = p01 * v_q00 + p11 * v_q10, p01 * v_q01 + p11 * v_q11, p01 * v_q02 + p11 * v_q12
            v_r20, v_r21, v_r22 = p02 * v_q00 + p12 * v_q10, p02 * v_q01 + p12 * v_q11, p02 * v_q02 + p12 * v_q12
            v_p00 = v_q00 * r00 + v_q01 * r01 + v_q02 * r02
            v_p01 = v_q00 * r10 + v_q01 * r11 + v_q02 * r12
            v_p02 = v_q00 * r20 + v_q01 * r21 + v_q02 * r22
            v_p10 = v_q10 * r00 + v_q11 * r01 + v_q12 * r02
            v_p11 = v_q10 * r10 + v_q11 * r11 + v_q12 * r12
            v_p12 = v_q10 * r20 + v_q11 * r21 + v_q12 * r22
            v_j00 = v_p00 * w[0, 0] + v_p01 * w[0, 1] + v_p02 * w[0, 2]
            v_j02 = v_p00 * w[2, 0] + v_p01 * w[2, 1] + v_p02 * w[2, 2]
            v_j11 = v_p10 * w[1, 0] + v_p11 * w[1, 1] + v_p12 * w[1, 2]
            v_j12 = v_p10 * w[2, 0] + v_p11 * w[2, 1] + v_p12 * w[2, 2]

            # Through the mean: its projection and its depth.
            t_x, t_y = fx * rz * v_mean_x, fy * rz * v_mean_y
            t_z = gathered[SUM_DEPTH] - t_x * u - t_y * v
            # Through the covariance: the Jacobian is taken at the (clamped) mean.
            v_u, v_v = -fx * rz * v_j02, -fy * rz * v_j12
            d_z = -(rz * rz) * (fx * (v_j00 - v_j02 * u_used) + fy * (v_j11 - v_j12 * v_used))
            d_x, d_y = ZERO, ZERO
            if u_low <= u <= u_high:
                d_x = v_u * rz
                d_z -= d_x * u
            if v_low <= v <= v_high:
                d_y = v_v * rz
                d_z -= d_y * v
            v_x, v_y, v_z = t_x + d_x, t_y + d_y, t_z + d_z

            means_gradient[i, 0] += w[0, 0] * v_x + w[1, 0] * v_y + w[2, 0] * v_z
            means_gradient[i, 1] += w[0, 1] * v_x + w[1, 1] * v_y + w[2, 1] * v_z
            means_gradient[i, 2] += w[0, 2] * v_x + w[1, 2] * v_y + w[2, 2] * v_z
            opacities_gradient[i] += v_opacity
            colors_gradient[i, 0] += gathered[SUM_RED]
            colors_gradient[i, 1] += gathered[SUM_GREEN]
            colors_gradient[i, 2] += gathered[SUM_BLUE]

            v_w = TWO * (qx * (v_r21 - v_r12) + qy * (v_r02 - v_r20) + qz * (v_r10 - v_r01))
            v_i = TWO * (
                qy * (v_r01 + v_r10) + qz * (v_r02 + v_r20) - TWO * qx * (v_r11 + v_r22) + qw * (v_r21 - v_r12)
            )
            v_j = TWO * (
                qx * (v_r01 + v_r10) + qz * (v_r12 + v_r21) - TWO * qy * (v_r00 + v_r22) + qw * (v_r02 - v_r20)
            )
            v_k = TWO * (
                qx * (v_r02 + v_r20) + qy * (v_r12 + v_r21) - TWO * qz * (v_r00 + v_r11) + qw * (v_r10 - v_r01)
            )
            along = v_w * qw + v_i * qx + v_j * qy + v_k * qz
            quats_gradient[i, 0] += (v_w - along * qw) * inverse
            quats_gradient[i, 1] += (v_i - along * qx) * inverse
            quats_gradient[i, 2] += (v_j - along * qy) * inverse
            quats_gradient[i, 3] += (v_k - along * qz) * inverse

            part[0, 0] += v_x * px + j00 * v_p00
            part[0, 1] += v_x * py + j00 * v_p01
            part[0, 2] += v_x * pz + j00 * v_p02
            part[1, 0] += v_y * px + j11 * v_p10
            part[1, 1] += v_y * py + j11 * v_p11
            part[1, 2] += v_y * pz + j11 * v_p12
            part[2, 0] += v_z * px + j02 * v_p00 + j12 * v_p10
            part[2, 1] += v_z * py + j02 * v_p01 + j12 * v_p11
            part[2, 2] += v_z * pz + j02 * v_p02 + j12 * v_p12
            part[0, 3] += v_x if covariance_gradient else t_x
            part[1, 3] += v_y if covariance_gradient else t_y
            part[2, 3] += v_z if covariance_gradient else t_z
