"""Gather a Gaussian's sums from its tiles and take them back through the projection to everything it came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from padbench_gaussians.kernels.footprint import ONE, TWO, footprint_of, lens_of
from padbench_gaussians.kernels.lane_memory import gather, load, prefetch, store
from padbench_gaussians.kernels.lanes import WIDTH, any_set, select, spread, square_root, total
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

ZERO = np.float32(0)
HALF = np.float32(0.5)
# Keeps the derivative of the square root finite, as gsplat does in `add_blur_vjp`.
SQRT_EPS = np.float32(1e-6)
AHEAD = 16  # entries between asking for their sums and reading them
# Places of the lanes' values on their way to the gradients.
MEANS, QUATS, SCALES, OPACITY, OUTPUTS = 0, 3, 7, 10, 11


@njit(cache=True, nogil=True, error_model="numpy")
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
    lens = lens_of(intrinsics, width, height)
    fx, fy = lens.fx, lens.fy
    number = means.shape[0]
    gathered = np.empty(WIDTH * SUMS, np.float32)
    touched = np.empty(WIDTH, np.float32)
    values = np.empty(OUTPUTS * WIDTH, np.float32)
    zero = spread(ZERO)
    while True:
        chunk = next_task(counter)
        start = chunk * CHUNK
        if start >= number:
            return
        w00, w01, w02, w03 = zero, zero, zero, zero
        w10, w11, w12, w13 = zero, zero, zero, zero
        w20, w21, w22, w23 = zero, zero, zero, zero
        for first in range(start, min(start + CHUNK, number), WIDTH):
            count = min(WIDTH, number - first)
            store(touched, 0, zero)
            for lane in range(count):
                sums_of_one = zero
                for position in range(first_position[first + lane], first_position[first + lane + 1]):
                    if position + AHEAD < positions.size:
                        prefetch(sums, positions[position + AHEAD] * SUMS)
                    sums_of_one = sums_of_one + load(sums, positions[position] * SUMS)
                store(gathered, lane * SUMS, sums_of_one)
                touched[lane] = ONE if any_set(sums_of_one != zero) else ZERO
            # What no pixel saw may lie anywhere, even at a depth of 0: its lanes may not count.
            counts = load(touched, 0) > ZERO
            if not any_set(counts):
                continue

            seen = footprint_of(first, count, means, quats, scales, w, lens)
            over = ONE / seen.determinant
            a, b, c = (seen.c11 + EPS2D) * over, (ZERO - seen.c01) * over, (seen.c00 + EPS2D) * over
            sum_s = gather(gathered, SUM_S, SUMS, count)
            sum_su, sum_sv = gather(gathered, SUM_SU, SUMS, count), gather(gathered, SUM_SV, SUMS, count)
            # ln(alpha) = ln(opacity) - (a u^2 + 2 b u v + c v^2) / 2
            v_mean_x = a * sum_su + b * sum_sv
            v_mean_y = b * sum_su + c * sum_sv
            g00 = -HALF * gather(gathered, SUM_SUU, SUMS, count)
            g01 = -HALF * gather(gathered, SUM_SUV, SUMS, count)
            g11 = -HALF * gather(gathered, SUM_SVV, SUMS, count)
            # Of an inverse: -conic G conic, with G the gradient of the conic as a symmetric matrix.
            h00, h01 = a * g00 + b * g01, a * g01 + b * g11
            h10, h11 = b * g00 + c * g01, b * g01 + c * g11
            k00, k01, k11 = ZERO - (h00 * a + h01 * b), ZERO - (h00 * b + h01 * c), ZERO - (h10 * b + h11 * c)
            if antialiased:
                # opacity sqrt(sharp / determinant): sum_s is already opacity times the derivative by the opacity.
                ratio = seen.sharp * over
                root = square_root(ratio)
                by_ratio = sum_s * HALF / (root * (root + SQRT_EPS))
                by_sharp, by_determinant = by_ratio * over, (ZERO - by_ratio) * ratio * over
                k00 = k00 + by_sharp * seen.c11 + by_determinant * (seen.c11 + EPS2D)
                k01 = k01 - (by_sharp + by_determinant) * seen.c01
                k11 = k11 + by_sharp * seen.c00 + by_determinant * (seen.c00 + EPS2D)

            # covariance = M M^T, M = Q diag(s), Q = P R, P = J W: the gradient of M is 2 K M.
            k00, k01, k11 = TWO * k00, TWO * k01, TWO * k11
            s0 = gather(scales, first * 3, 3, count)
            s1 = gather(scales, first * 3 + 1, 3, count)
            s2 = gather(scales, first * 3 + 2, 3, count)
            n00, n10 = k00 * seen.q00 + k01 * seen.q10, k01 * seen.q00 + k11 * seen.q10
            n01, n11 = k00 * seen.q01 + k01 * seen.q11, k01 * seen.q01 + k11 * seen.q11
            n02, n12 = k00 * seen.q02 + k01 * seen.q12, k01 * seen.q02 + k11 * seen.q12
            store(values, SCALES * WIDTH, s0 * (n00 * seen.q00 + n10 * seen.q10))
            store(values, (SCALES + 1) * WIDTH, s1 * (n01 * seen.q01 + n11 * seen.q11))
            store(values, (SCALES + 2) * WIDTH, s2 * (n02 * seen.q02 + n12 * seen.q12))
            s0, s1, s2 = s0 * s0, s1 * s1, s2 * s2
            v_q00, v_q01, v_q02, v_q10, v_q11, v_q12 = n00 * s0, n01 * s1, n02 * s2, n10 * s0, n11 * s1, n12 * s2
            v_r00, v_r01 = seen.p00 * v_q00 + seen.p10 * v_q10, seen.p00 * v_q01 + seen.p10 * v_q11
            v_r02, v_r10 = seen.p00 * v_q02 + seen.p10 * v_q12, seen.p01 * v_q00 + seen.p11 * v_q10
            v_r11, v_r12 = seen.p01 * v_q01 + seen.p11 * v_q11, seen.p01 * v_q02 + seen.p11 * v_q12
            v_r20, v_r21 = seen.p02 * v_q00 + seen.p12 * v_q10, seen.p02 * v_q01 + seen.p12 * v_q11
            v_r22 = seen.p02 * v_q02 + seen.p12 * v_q12
            v_p00 = v_q00 * seen.r00 + v_q01 * seen.r01 + v_q02 * seen.r02
            v_p01 = v_q00 * seen.r10 + v_q01 * seen.r11 + v_q02 * seen.r12
            v_p02 = v_q00 * seen.r20 + v_q01 * seen.r21 + v_q02 * seen.r22
            v_p10 = v_q10 * seen.r00 + v_q11 * seen.r01 + v_q12 * seen.r02
            v_p11 = v_q10 * seen.r10 + v_q11 * seen.r11 + v_q12 * seen.r12
            v_p12 = v_q10 * seen.r20 + v_q11 * seen.r21 + v_q12 * seen.r22
            v_j00 = v_p00 * w[0, 0] + v_p01 * w[0, 1] + v_p02 * w[0, 2]
            v_j02 = v_p00 * w[2, 0] + v_p01 * w[2, 1] + v_p02 * w[2, 2]
            v_j11 = v_p10 * w[1, 0] + v_p11 * w[1, 1] + v_p12 * w[1, 2]
            v_j12 = v_p10 * w[2, 0] + v_p11 * w[2, 1] + v_p12 * w[2, 2]

            # Through the mean: its projection and its depth.
            t_x, t_y = fx * seen.over_z * v_mean_x, fy * seen.over_z * v_mean_y
            t_z = gather(gathered, SUM_DEPTH, SUMS, count) - t_x * seen.u - t_y * seen.v
            # Through the covariance: the Jacobian is taken at the (clamped) mean.
            free_u = (seen.u >= spread(lens.u_low)) & (spread(lens.u_high) >= seen.u)
            free_v = (seen.v >= spread(lens.v_low)) & (spread(lens.v_high) >= seen.v)
            square = seen.over_z * seen.over_z
            d_x = select(free_u, -fx * square * v_j02, zero)
            d_y = select(free_v, -fy * square * v_j12, zero)
            d_z = fx * (v_j02 * seen.u_clamped - v_j00) + fy * (v_j12 * seen.v_clamped - v_j11)
            d_z = d_z * square - d_x * seen.u - d_y * seen.v
            v_x, v_y, v_z = t_x + d_x, t_y + d_y, t_z + d_z
            for axis in range(3):
                along_axis = w[0, axis] * v_x + w[1, axis] * v_y + w[2, axis] * v_z
                store(values, (MEANS + axis) * WIDTH, along_axis)
            store(values, OPACITY * WIDTH, sum_s / gather(opacities, first, 1, count))

            qw, qx, qy, qz = seen.qw, seen.qx, seen.qy, seen.qz
            v_w = qx * (v_r21 - v_r12) + qy * (v_r02 - v_r20) + qz * (v_r10 - v_r01)
            v_i = qy * (v_r01 + v_r10) + qz * (v_r02 + v_r20) - TWO * qx * (v_r11 + v_r22) + qw * (v_r21 - v_r12)
            v_j = qx * (v_r01 + v_r10) + qz * (v_r12 + v_r21) - TWO * qy * (v_r00 + v_r22) + qw * (v_r02 - v_r20)
            v_k = qx * (v_r02 + v_r20) + qy * (v_r12 + v_r21) - TWO * qz * (v_r00 + v_r11) + qw * (v_r10 - v_r01)
            radial = v_w * qw + v_i * qx + v_j * qy + v_k * qz
            factor = TWO * seen.over_norm
            store(values, QUATS * WIDTH, (v_w - radial * qw) * factor)
            store(values, (QUATS + 1) * WIDTH, (v_i - radial * qx) * factor)
            store(values, (QUATS + 2) * WIDTH, (v_j - radial * qy) * factor)
            store(values, (QUATS + 3) * WIDTH, (v_k - radial * qz) * factor)

            px = gather(means, first * 3, 3, count)
            py = gather(means, first * 3 + 1, 3, count)
            pz = gather(means, first * 3 + 2, 3, count)
            w00 = w00 + select(counts, v_x * px + seen.j00 * v_p00, zero)
            w01 = w01 + select(counts, v_x * py + seen.j00 * v_p01, zero)
            w02 = w02 + select(counts, v_x * pz + seen.j00 * v_p02, zero)
            w10 = w10 + select(counts, v_y * px + seen.j11 * v_p10, zero)
            w11 = w11 + select(counts, v_y * py + seen.j11 * v_p11, zero)
            w12 = w12 + select(counts, v_y * pz + seen.j11 * v_p12, zero)
            w20 = w20 + select(counts, v_z * px + seen.j02 * v_p00 + seen.j12 * v_p10, zero)
            w21 = w21 + select(counts, v_z * py + seen.j02 * v_p01 + seen.j12 * v_p11, zero)
            w22 = w22 + select(counts, v_z * pz + seen.j02 * v_p02 + seen.j12 * v_p12, zero)
            w03 = w03 + select(counts, v_x if covariance_gradient else t_x, zero)
            w13 = w13 + select(counts, v_y if covariance_gradient else t_y, zero)
            w23 = w23 + select(counts, v_z if covariance_gradient else t_z, zero)

            for lane in range(count):
                if touched[lane] == ZERO:
                    continue
                i = first + lane
                for axis in range(3):
                    means_gradient[i, axis] += values[(MEANS + axis) * WIDTH + lane]
                    scales_gradient[i, axis] += values[(SCALES + axis) * WIDTH + lane]
                for part in range(4):
                    quats_gradient[i, part] += values[(QUATS + part) * WIDTH + lane]
                opacities_gradient[i] += values[OPACITY * WIDTH + lane]
                colors_gradient[i, 0] += gathered[lane * SUMS + SUM_RED]
                colors_gradient[i, 1] += gathered[lane * SUMS + SUM_GREEN]
                colors_gradient[i, 2] += gathered[lane * SUMS + SUM_BLUE]
        row = camera_gradient[chunk]
        row[0, 0], row[0, 1], row[0, 2], row[0, 3] = total(w00), total(w01), total(w02), total(w03)
        row[1, 0], row[1, 1], row[1, 2], row[1, 3] = total(w10), total(w11), total(w12), total(w13)
        row[2, 0], row[2, 1], row[2, 2], row[2, 3] = total(w20), total(w21), total(w22), total(w23)
