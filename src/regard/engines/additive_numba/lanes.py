"""Vectors of ``WIDTH`` numbers inside Numba: what a loop over neighbouring keys is made of.

LLVM's vectoriser would have to guess that sixteen keys are to be computed side by side and which of
their numbers stay in registers. These functions say it: each is one vector instruction (or a few),
on any processor; ``Lanes`` is their type. ``a[at]`` means the flat array's numbers from ``at`` on.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import extending, types
from numba.core import cgutils
from numba.extending import models, register_model

intrinsic: Any = extending.intrinsic  # its result is called without the first argument

WIDTH = 16 if binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers in a vector: float32 fills one register, float64 two."""

I32 = ir.IntType(32)


class Lanes(types.Type):
    """``WIDTH`` numbers of one kind."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, kind: Lanes) -> None:
        element = dmm.lookup(kind.dtype).get_value_type()
        super().__init__(dmm, kind, ir.VectorType(element, WIDTH))


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


def _vector(context: Any, dtype: Any) -> ir.VectorType:
    return ir.VectorType(context.get_value_type(dtype), WIDTH)


def _constant(vector: ir.VectorType, value: Any) -> ir.Constant:
    return ir.Constant(vector, [value] * WIDTH)


def _spread(builder: Any, number: Any) -> Any:
    vector = ir.VectorType(number.type, WIDTH)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, WIDTH), None)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _counting(builder: Any, first: Any) -> Any:
    """first, first + 1, …, as 32-bit integers."""
    steps = ir.Constant(ir.VectorType(I32, WIDTH), list(range(WIDTH)))
    return builder.add(_spread(builder, builder.trunc(first, I32)), steps)


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """a[at], a[at + 1], …"""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = _vector(context, array.dtype)
        place = builder.bitcast(_address(context, builder, signature, args), vector.as_pointer())
        loaded = builder.load(place)
        loaded.align = array.dtype.bitwidth // 8
        return loaded

    return Lanes(array.dtype)(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, at: Any, lanes: Any) -> Any:
    """a[at], a[at + 1], … = lanes"""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = _vector(context, array.dtype)
        place = builder.bitcast(_address(context, builder, signature, args), vector.as_pointer())
        builder.store(args[2], place).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def each(typing: Any, array: Any, at: Any) -> Any:
    """a[at], in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _spread(builder, builder.load(_address(context, builder, signature, args)))

    return Lanes(array.dtype)(array, types.intp), generate


@intrinsic
def full(typing: Any, array: Any, number: Any) -> Any:
    """A number in every lane, in the array's precision."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(array.dtype)
        narrow = isinstance(kind, ir.FloatType)
        return _spread(builder, builder.fptrunc(args[1], kind) if narrow else args[1])

    return Lanes(array.dtype)(array, types.float64), generate


def _binary(operation: str, flags: tuple[str, ...] = ()) -> Callable[..., Any]:
    @intrinsic
    def function(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, operation)(*args, flags=flags)

        return a(a, b), generate

    return function


add, subtract, multiply = _binary("fadd"), _binary("fsub"), _binary("fmul")

# "fast" lets LLVM take the processor's estimate of a reciprocal and mend it by one Newton step,
# which makes NaN of infinity: for finite numbers whose reciprocals are finite only.
quotient = _binary("fdiv", ("fast",))
divide = _binary("fdiv")


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "fma", args)

    return a(a, b, c), generate


def _call(builder: Any, name: str, args: Any) -> Any:
    vector = args[0].type
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(vector, [vector] * len(args))
    name = f"llvm.{name}.v{WIDTH}{suffix}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _choice(comparison: str) -> Callable[..., Any]:
    @intrinsic
    def function(typing: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, *args[:2]), *args[2:])

        return then(a, b, then, otherwise), generate

    return function


where_less = _choice("<")
"""``then`` where a < b, else ``otherwise``; NaN is not less."""


@intrinsic
def where_within(typing: Any, first: Any, start: Any, stop: Any, then: Any, otherwise: Any) -> Any:
    """``then`` in the lanes of start ≤ first + lane < stop, else ``otherwise``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _counting(builder, args[0])
        low, high = (_spread(builder, builder.trunc(x, I32)) for x in args[1:3])
        inside = builder.and_(
            builder.icmp_signed(">=", place, low), builder.icmp_signed("<", place, high)
        )
        return builder.select(inside, args[3], args[4])

    return then(types.intp, types.intp, types.intp, then, otherwise), generate


@intrinsic
def total(typing: Any, lanes: Any) -> Any:
    """The sum over the lanes, as a number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = args[0].type
        suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
        kind = ir.FunctionType(vector.element, [vector.element, vector])
        name = f"llvm.vector.reduce.fadd.v{WIDTH}{suffix}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        zero = ir.Constant(vector.element, 0.0)
        return builder.call(function, [zero, args[0]], fastmath=("reassoc",))

    return lanes.dtype(lanes), generate


@intrinsic
def largest(typing: Any, lanes: Any) -> Any:
    """The largest of the lanes, as a number; NaN is passed over."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = args[0].type
        suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
        kind = ir.FunctionType(vector.element, [vector])
        name = f"llvm.vector.reduce.fmax.v{WIDTH}{suffix}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, args)

    return lanes.dtype(lanes), generate


@intrinsic
def power_of_two(typing: Any, whole: Any) -> Any:
    """The number whose exponent is in the last bits of ``whole``, as exponents are stored."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = args[0].type
        narrow = isinstance(vector.element, ir.FloatType)
        bits = ir.VectorType(ir.IntType(32 if narrow else 64), WIDTH)
        moved = builder.shl(builder.bitcast(args[0], bits), _constant(bits, 23 if narrow else 52))
        return builder.bitcast(moved, vector)

    return whole(whole), generate


@intrinsic
def where_drawn(
    typing: Any, key: Any, first: Any, threshold: Any, then: Any, otherwise: Any
) -> Any:
    """``then`` where a number drawn for (key, first + lane) is below ``threshold`` of 2³².

    The number is a hash of the two ("lowbias32", Wellons 2018), so it is the same in both passes.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(I32, WIDTH)
        x = _counting(builder, args[1])
        for salt in (args[0], builder.lshr(args[0], ir.Constant(args[0].type, 32))):
            x = builder.xor(x, _spread(builder, builder.trunc(salt, I32)))
            for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
                x = builder.xor(x, builder.lshr(x, _constant(whole, shift)))
                x = builder.mul(x, _constant(whole, factor))
        limit = _spread(builder, builder.trunc(args[2], I32))
        return builder.select(builder.icmp_unsigned("<", x, limit), args[3], args[4])

    signature = then(types.int64, types.intp, types.int64, then, otherwise)
    return signature, generate


@intrinsic
def negative(typing: Any, lanes: Any) -> Any:
    """−lanes"""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fneg(args[0])

    return lanes(lanes), generate
