"""nerfstudio's hash encoding with numba kernels in place of its tensor operations on the CPU.

The same numbers at a small part of the time: nerfstudio looks up the eight corners of a cell one after the other in
tensors of 64-bit integers. On CUDA its own code runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from nerfstudio.field_components.encodings import HashEncoding
from numba import njit
from torch import Tensor, nn

# Instant-NGP (Müller et al. 2022), Eq. 4; the first axis is multiplied by 1.
_PRIME_Y = np.int64(2654435761)
_PRIME_Z = np.int64(805459861)
_ONE = np.float32(1)


class CompiledHashEncoding(HashEncoding):
    """`nerfstudio.field_components.encodings.HashEncoding` compiled for two features a level."""

    def pytorch_fwd(self, in_tensor: Tensor) -> Tensor:  # (N, 3) in [0, 1] -> (N, levels * features)
        """See `HashEncoding.pytorch_fwd`; differentiable by the table and by the positions."""
        if in_tensor.device.type != "cpu" or self.features_per_level != 2:
            encoded = super().pytorch_fwd(in_tensor)
        else:
            encoded = _Encode.apply(in_tensor, self.hash_table, self.scalings)  # type: ignore[no-untyped-call]
        assert isinstance(encoded, Tensor)
        return encoded


def compile_hash_encodings(network: nn.Module) -> None:
    """Make all hash encodings that nerfstudio built into a network compiled ones, in place."""
    for module in network.modules():
        if type(module) is HashEncoding:
            module.__class__ = CompiledHashEncoding


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, positions: Tensor, table: Tensor, scalings: Tensor) -> Tensor:
        ctx.save_for_backward(positions, table, scalings)
        encoded = positions.new_empty(len(positions), len(scalings) * table.shape[1])
        _encode(*_arrays(positions, table, scalings, encoded))
        return encoded

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        positions, table, scalings = ctx.saved_tensors
        inputs = (positions, table, scalings, gradients[0])
        of_positions = of_table = None
        if ctx.needs_input_grad[0]:
            of_positions = torch.empty_like(positions, memory_format=torch.contiguous_format)
            _position_gradient(*_arrays(*inputs, of_positions))
        if ctx.needs_input_grad[1]:
            of_table = torch.zeros_like(table)
            _table_gradient(*_arrays(*inputs, of_table))
        return of_positions, of_table, None


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)


@njit(inline="always")
def _cell(position: Any, scaling: Any) -> Any:
    """First corner of the cell on one axis, and how far behind it the position lies, in cells."""
    scaled = position * scaling
    first = np.int64(scaled)
    return first, scaled - np.float32(first)


@njit(inline="always")
def _row(x: Any, y: Any, z: Any, corner: int, mask: Any) -> Any:
    """Row in its level's table of a corner of the cell that begins at (x, y, z); bit i of `corner` is axis i."""
    return ((x + (corner & 1)) ^ ((y + ((corner >> 1) & 1)) * _PRIME_Y) ^ ((z + ((corner >> 2) & 1)) * _PRIME_Z)) & mask


@njit(inline="always")
def _share(offset: Any, behind: int) -> Any:
    return offset if behind else _ONE - offset


@njit(cache=True, nogil=True)
def _encode(positions: Any, table: Any, scalings: Any, encoded: Any) -> None:
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first = second = np.float32(0)
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                weight = _share(x, corner & 1) * _share(y, corner & 2) * _share(z, corner & 4)
                first += weight * table[row, 0]
                second += weight * table[row, 1]
            encoded[i, 2 * level], encoded[i, 2 * level + 1] = first, second


@njit(cache=True, nogil=True)
def _table_gradient(positions: Any, table: Any, scalings: Any, of_encoded: Any, of_table: Any) -> None:
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first, second = of_encoded[i, 2 * level], of_encoded[i, 2 * level + 1]
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                weight = _share(x, corner & 1) * _share(y, corner & 2) * _share(z, corner & 4)
                of_table[row, 0] += weight * first
                of_table[row, 1] += weight * second


@njit(cache=True, nogil=True)
def _position_gradient(positions: Any, table: Any, scalings: Any, of_encoded: Any, of_positions: Any) -> None:
    levels = scalings.size
    size = table.shape[0] // levels
    for i in range(len(positions)):
        of_x = of_y = of_z = np.float32(0)
        for level in range(levels):
            cell_x, x = _cell(positions[i, 0], scalings[level])
            cell_y, y = _cell(positions[i, 1], scalings[level])
            cell_z, z = _cell(positions[i, 2], scalings[level])
            first, second = of_encoded[i, 2 * level], of_encoded[i, 2 * level + 1]
            for corner in range(8):
                row = level * size + _row(cell_x, cell_y, cell_z, corner, size - 1)
                slope = scalings[level] * (table[row, 0] * first + table[row, 1] * second)
                share_x, share_y, share_z = _share(x, corner & 1), _share(y, corner & 2), _share(z, corner & 4)
                of_x += (slope if corner & 1 else -slope) * share_y * share_z
                of_y += (slope if corner & 2 else -slope) * share_x * share_z
                of_z += (slope if corner & 4 else -slope) * share_x * share_y
        of_positions[i, 0], of_positions[i, 1], of_positions[i, 2] = of_x, of_y, of_z
