"""Compile the kernels of the hash encoding ahead of their first use; the result is cached on disk."""

from __future__ import annotations


def compile_kernels(device: str = "cpu") -> None:
    """Compile the kernels of the CPU, or load them from the cache; on CUDA there are none."""
    if device != "cpu":
        return
    import numpy as np

    from padbench_nerf.hash_kernels import encode, position_gradient, table_gradient

    positions, table = np.zeros((1, 3), np.float32), np.zeros((2, 2), np.float32)
    scalings, encoded = np.ones(1, np.float32), np.zeros((1, 2), np.float32)
    encode(positions, table, scalings, encoded)
    table_gradient(positions, table, scalings, encoded, np.zeros_like(table))
    position_gradient(positions, table, scalings, encoded, np.zeros_like(positions))
