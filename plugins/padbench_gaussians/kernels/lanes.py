"""Sixteen float32 lanes as a numba type: one 4x4 block of pixels at a time, in registers.

Written out as LLVM vectors rather than left to the loop vectoriser, which gives up for reasons that no source line
shows. LLVM splits the vectors where the processor's registers are narrower. No fast-math flag is set, so the forward
and the backward pass compute bit-identical values. Cached kernels do not notice an edit of this file or of
`lane_memory.py`: touch theirs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from padbench_gaussians.kernels.scheduling import intrinsic

WIDTH = 16
BLOCK = 4  # a block of BLOCK x BLOCK pixels fills the lanes row by row

FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
INTEGERS = ir.VectorType(ir.IntType(32), WIDTH)
_BITS = ir.VectorType(ir.IntType(1), WIDTH)


class LanesType(types.Type):
    """Sixteen float32 values."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")  # type: ignore[no-untyped-call]


class MaskType(types.Type):
    """Sixteen truth values."""

    def __init__(self) -> None:
        super().__init__(name="Mask")  # type: ignore[no-untyped-call]


lanes_type = LanesType()
mask_type = MaskType()


@register_model(LanesType)  # type: ignore[no-untyped-call]
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: types.Type) -> None:
        super().__init__(manager, numba_type, FLOATS)  # type: ignore[no-untyped-call]


@register_model(MaskType)  # type: ignore[no-untyped-call]
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, numba_type: types.Type) -> None:
        super().__init__(manager, numba_type, _BITS)  # type: ignore[no-untyped-call]


def _constant(value: float) -> ir.Constant:
    return ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), value)] * WIDTH)


def _fused(builder: ir.IRBuilder, a: Any, b: Any, c: Any) -> Any:
    # fmuladd rather than fma: without the instruction fma would be a library call for every lane.
    function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, ir.FunctionType(FLOATS, [FLOATS] * 3), f"llvm.fmuladd.v{WIDTH}f32"
    )
    return builder.call(function, (a, b, c))


def _spread(builder: ir.IRBuilder, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(INTEGERS, [0] * WIDTH))


def _operator(symbol: Callable[..., Any], operand: types.Type, result: types.Type, build: Callable[..., Any]) -> None:
    """Give the Python operator a meaning between two operands of a lane type, one of which may be a plain float32."""
    pairs = [(operand, operand)]
    if operand is lanes_type:
        pairs += [(operand, types.float32), (types.float32, operand)]

    @infer_global(symbol)  # type: ignore[no-untyped-call]
    class _Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, arguments: Sequence[types.Type], keywords: dict[str, Any]) -> Any:
            if tuple(arguments) in pairs:
                return signature(result, *arguments)  # type: ignore[no-untyped-call]
            return None

    def lower(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        operands = [
            _spread(builder, value) if kind == types.float32 else value
            for kind, value in zip(sig.args, arguments, strict=True)
        ]
        return build(builder, *operands)

    for pair in pairs:
        lower_builtin(symbol, *pair)(lower)  # type: ignore[no-untyped-call]


_operator(operator.add, lanes_type, lanes_type, lambda builder, a, b: builder.fadd(a, b))
_operator(operator.sub, lanes_type, lanes_type, lambda builder, a, b: builder.fsub(a, b))
_operator(operator.mul, lanes_type, lanes_type, lambda builder, a, b: builder.fmul(a, b))
_operator(operator.truediv, lanes_type, lanes_type, lambda builder, a, b: builder.fdiv(a, b))
_operator(operator.gt, lanes_type, mask_type, lambda builder, a, b: builder.fcmp_ordered(">", a, b))
_operator(operator.ne, lanes_type, mask_type, lambda builder, a, b: builder.fcmp_unordered("!=", a, b))
_operator(operator.ge, lanes_type, mask_type, lambda builder, a, b: builder.fcmp_ordered(">=", a, b))
_operator(operator.and_, mask_type, mask_type, lambda builder, a, b: builder.and_(a, b))


@intrinsic
def spread(typing_context: Any, value: Any) -> Any:
    """The same float32 in every lane."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return _spread(builder, arguments[0])

    return lanes_type(types.float32), build


@intrinsic
def columns(typing_context: Any) -> Any:
    """The column within its block of every lane: 0, 1, 2, 3, 0, ..."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), float(lane % BLOCK)) for lane in range(WIDTH)])

    return lanes_type(), build


@intrinsic
def rows(typing_context: Any) -> Any:
    """The row within its block of every lane: 0, 0, 0, 0, 1, ..."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), float(lane // BLOCK)) for lane in range(WIDTH)])

    return lanes_type(), build


@intrinsic
def fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once where the processor can."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return _fused(builder, *arguments)

    return lanes_type(lanes_type, lanes_type, lanes_type), build


@intrinsic
def select(typing_context: Any, mask: Any, chosen: Any, otherwise: Any) -> Any:
    """chosen where the mask is set, else otherwise."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return builder.select(*arguments)

    return lanes_type(mask_type, lanes_type, lanes_type), build


@intrinsic
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """The smaller value of each lane."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        a, b = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), a, b)

    return lanes_type(lanes_type, lanes_type), build


@intrinsic
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger value of each lane."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        a, b = arguments
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    return lanes_type(lanes_type, lanes_type), build


def _of_each_lane(name: str, summary: str) -> Any:
    """An intrinsic function of LLVM that takes and returns one vector."""

    def function(typing_context: Any, a: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
            kind = ir.FunctionType(FLOATS, [FLOATS])
            callee = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module, kind, f"llvm.{name}.v{WIDTH}f32"
            )
            return builder.call(callee, arguments)

        return lanes_type(lanes_type), build

    function.__doc__ = summary
    return intrinsic(function)


square_root = _of_each_lane("sqrt", "The square root of each lane.")
floor = _of_each_lane("floor", "The largest integer that is not above each lane.")
ceil = _of_each_lane("ceil", "The smallest integer that is not below each lane.")


@intrinsic
def absolute(typing_context: Any, a: Any) -> Any:
    """The magnitude of each lane."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        bits = builder.bitcast(arguments[0], INTEGERS)
        cleared = builder.and_(bits, ir.Constant(INTEGERS, [0x7FFFFFFF] * WIDTH))
        return builder.bitcast(cleared, FLOATS)

    return lanes_type(lanes_type), build


@intrinsic
def any_set(typing_context: Any, mask: Any) -> Any:
    """Whether any lane of the mask is set."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        word = builder.bitcast(arguments[0], ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", word, ir.IntType(WIDTH)(0))

    return types.boolean(mask_type), build


@intrinsic
def total(typing_context: Any, a: Any) -> Any:
    """The sum of the lanes as float32, always in the same order."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        values = arguments[0]
        width = WIDTH
        while width > 1:
            width //= 2
            halves = [
                builder.shuffle_vector(
                    values, values, ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(start, start + width)))
                )
                for start in (0, width)
            ]
            values = builder.fadd(*halves)
        return builder.extract_element(values, ir.IntType(32)(0))

    return types.float32(lanes_type), build


# Where `totals` puts its sums: the order in which ten vectors fold with the fewest shuffles.
TOTAL_LANES = (0, 8, 4, 12, 1, 9, 5, 13, 2, 10)


@intrinsic
def totals(typing_context: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any, j: Any) -> Any:
    """The sums of ten vectors in one, the k-th in lane TOTAL_LANES[k]."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        level: dict[int, Any] = dict(zip(TOTAL_LANES, arguments, strict=True))
        half = WIDTH // 2
        nothing = ir.Constant(FLOATS, [ir.Constant(ir.FloatType(), 0.0)] * WIDTH)
        while half:
            # Lanes whose number has the bit `half` take from the partner, all add the two halves of their group.
            near = [lane + (WIDTH - half if lane & half else 0) for lane in range(WIDTH)]
            far = [index + half for index in near]
            folded = {}
            for lane in {lane & ~half for lane in level}:
                pair = level.get(lane, nothing), level.get(lane | half, nothing)
                parts = [builder.shuffle_vector(*pair, ir.Constant(INTEGERS, picked)) for picked in (near, far)]
                folded[lane] = builder.fadd(*parts)
            level, half = folded, half // 2
        return level[0]

    return lanes_type(*[lanes_type] * 10), build


def _exp2_coefficients() -> list[float]:
    """Degree 5 interpolation of 2^x in the Chebyshev points of [-1/2, 1/2]: error below 2e-7, highest first."""
    points = 0.5 * np.cos((2 * np.arange(6) + 1) * math.pi / 12)
    return [float(np.float32(value)) for value in np.polyfit(points, np.exp2(points), 5)]


_EXP2 = _exp2_coefficients()
_ROUNDING = 12582912.0  # 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the sum


@intrinsic
def exp2(typing_context: Any, a: Any) -> Any:
    """2 to the power of each lane, for exponents within +-100; relative error below 4e-7."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        shifted = builder.fadd(arguments[0], _constant(_ROUNDING))
        fraction = builder.fsub(arguments[0], builder.fsub(shifted, _constant(_ROUNDING)))
        value: Any = _constant(_EXP2[0])
        for coefficient in _EXP2[1:]:
            value = _fused(builder, value, fraction, _constant(coefficient))
        power = builder.shl(builder.bitcast(shifted, INTEGERS), ir.Constant(INTEGERS, [23] * WIDTH))
        return builder.bitcast(builder.add(builder.bitcast(value, INTEGERS), power), FLOATS)

    return lanes_type(lanes_type), build


@intrinsic
def log2(typing_context: Any, a: Any) -> Any:
    """The binary logarithm of each lane, for normal positive numbers; error below 3e-7 in [2^-8, 1]."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        def integers(value: int) -> Any:
            return ir.Constant(INTEGERS, [value] * WIDTH)

        # x = 2^k m with m in [0.707, 1.414): subtracting the bits of sqrt(1/2) brings k to the top.
        bits = builder.bitcast(arguments[0], INTEGERS)
        offset = builder.sub(bits, integers(0x3F3504F3))
        exponent = builder.sitofp(builder.ashr(offset, integers(23)), FLOATS)
        fraction = builder.add(builder.and_(offset, integers(0x7FFFFF)), integers(0x3F3504F3))
        mantissa = builder.bitcast(fraction, FLOATS)
        ratio = builder.fdiv(builder.fsub(mantissa, _constant(1.0)), builder.fadd(mantissa, _constant(1.0)))
        square = builder.fmul(ratio, ratio)
        # ln(m) = 2 artanh(ratio)
        series: Any = _constant(2 / 9 / math.log(2))
        for power in (7, 5, 3, 1):
            series = _fused(builder, series, square, _constant(2 / power / math.log(2)))
        return _fused(builder, series, ratio, exponent)

    return lanes_type(lanes_type), build


@intrinsic
def lowest_bit(typing_context: Any, word: Any) -> Any:
    """The position of the lowest set bit of a uint64 that is not 0."""

    def build(context: Any, builder: Any, sig: Any, arguments: Sequence[Any]) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), build
