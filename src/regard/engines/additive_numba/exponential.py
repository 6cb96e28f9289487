"""exp of vectors."""

from regard.engines.additive_numba.compiled import inline
from regard.engines.additive_numba.lanes import (
    fma,
    full,
    multiply,
    power_of_two,
    subtract,
    where_less,
)

INVERSE_FACTORIALS = (
    1.0, 1.0, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880,
    1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800,
)  # fmt: skip

# ln 2 in two parts, the first with zeros at its end: n ln 2 is then exact.
LN2_NARROW = (0.693359375, -2.1219444005469057e-4)
LN2 = (0.6931471803691238, 1.9082149292705877e-10)


@inline
def exponential(a, x):
    """exp(x) for x up to 88 (709 in float64); 0 below −87 (−708), where normal numbers end."""
    narrow = a.itemsize == 4
    # Added to a number, it leaves no bits behind the point: those in front are ⌊n⌉ + bias.
    magic = 12582912.0 + 127.0 if narrow else 6755399441055744.0 + 1023.0
    coarse, fine = LN2_NARROW if narrow else LN2
    order = 7 if narrow else 13
    whole = fma(x, full(a, 1.4426950408889634), full(a, magic))
    n = subtract(whole, full(a, magic))
    r = fma(n, full(a, -fine), fma(n, full(a, -coarse), x))
    power = full(a, INVERSE_FACTORIALS[order])
    for k in range(order - 1, -1, -1):
        power = fma(power, r, full(a, INVERSE_FACTORIALS[k]))
    power = multiply(power, power_of_two(whole))
    return where_less(x, full(a, -87.0 if narrow else -708.0), full(a, 0.0), power)
