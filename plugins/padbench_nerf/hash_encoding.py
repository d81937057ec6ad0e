"""nerfstudio's hash encoding with numba kernels in place of its tensor operations on the CPU.

The same numbers at a small part of the time: nerfstudio looks up the eight corners of a cell one after the other in
tensors of 64-bit integers. On CUDA its own code runs.
"""

from __future__ import annotations

from typing import Any

import torch
from nerfstudio.field_components.encodings import HashEncoding
from torch import Tensor, nn

from padbench_nerf.hash_kernels import encode, position_gradient, table_gradient


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
        encode(*_arrays(positions, table, scalings, encoded))
        return encoded

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        positions, table, scalings = ctx.saved_tensors
        inputs = (positions, table, scalings, gradients[0])
        of_positions = of_table = None
        if ctx.needs_input_grad[0]:
            of_positions = torch.empty_like(positions, memory_format=torch.contiguous_format)
            position_gradient(*_arrays(*inputs, of_positions))
        if ctx.needs_input_grad[1]:
            of_table = torch.zeros_like(table)
            table_gradient(*_arrays(*inputs, of_table))
        return of_positions, of_table, None


def _arrays(*tensors: Tensor) -> tuple[Any, ...]:
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)
