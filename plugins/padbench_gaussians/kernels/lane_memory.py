"""Between memory and the lanes of `lanes.py`. Indices count elements of flat data; no bound is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils

from padbench_gaussians.kernels.lanes import BLOCK, FLOATS, WIDTH, lanes_type
from padbench_gaussians.kernels.scheduling import intrinsic

_QUARTER = ir.VectorType(ir.FloatType(), BLOCK)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, element: ir.Type) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), element.as_pointer())


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Sixteen consecutive values of a flat float32 array."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, position = arguments
        instruction = builder.load(_pointer(context, builder, sig.args[0], array_value, position, FLOATS))
        instruction.align = 4
        return instruction

    return lanes_type(array, types.intp), build


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write sixteen consecutive values of a flat float32 array."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, position, value = arguments
        instruction = builder.store(value, _pointer(context, builder, sig.args[0], array_value, position, FLOATS))
        instruction.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes_type), build


@intrinsic
def gather(typing_context: Any, array: Any, index: Any, stride: Any, count: Any) -> Any:
    """`count` values of an array's data from `index` on, `stride` elements apart; further lanes repeat the first."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, start, step, number = arguments
        values = ir.Constant(FLOATS, ir.Undefined)
        zero = ir.IntType(64)(0)
        for lane in range(WIDTH):
            counted = builder.icmp_signed("<", ir.IntType(64)(lane), number)
            offset = builder.select(counted, builder.mul(step, ir.IntType(64)(lane)), zero)
            position = builder.add(start, offset)
            pointer = _pointer(context, builder, sig.args[0], array_value, position, ir.FloatType())
            values = builder.insert_element(values, builder.load(pointer), ir.IntType(32)(lane))
        return values

    return lanes_type(array, types.int64, types.int64, types.int64), build


@intrinsic
def load_block(typing_context: Any, array: Any, index: Any, stride: Any) -> Any:
    """A 4x4 block of a flat float32 image, from its top left pixel at `index` and rows `stride` apart."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, position, stride_value = arguments
        parts = []
        for _ in range(BLOCK):
            part = builder.load(_pointer(context, builder, sig.args[0], array_value, position, _QUARTER))
            part.align = 4
            parts.append(part)
            position = builder.add(position, stride_value)
        while len(parts) > 1:
            length = WIDTH // len(parts) * 2
            joined = ir.Constant(ir.VectorType(ir.IntType(32), length), list(range(length)))
            parts = [builder.shuffle_vector(parts[i], parts[i + 1], joined) for i in range(0, len(parts), 2)]
        return parts[0]

    return lanes_type(array, types.intp, types.intp), build


@intrinsic
def store_block(typing_context: Any, array: Any, index: Any, stride: Any, value: Any) -> Any:
    """Write a 4x4 block of a flat float32 image, the counterpart of `load_block`."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, position, stride_value, value = arguments
        for row in range(BLOCK):
            picked = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), list(range(row * BLOCK, row * BLOCK + BLOCK)))
            instruction = builder.store(
                builder.shuffle_vector(value, value, picked),
                _pointer(context, builder, sig.args[0], array_value, position, _QUARTER),
            )
            instruction.align = 4
            position = builder.add(position, stride_value)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, lanes_type), build


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of an element that will be read soon."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        array_value, position = arguments
        byte = ir.IntType(8)
        pointer = _pointer(context, builder, sig.args[0], array_value, position, byte)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, "llvm.prefetch.p0i8"
        )
        builder.call(function, (pointer, number(0), number(3), number(1)))
        return context.get_dummy_value()

    return types.void(array, types.intp), build
