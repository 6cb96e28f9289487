"""Gradients of additive scores, a slice of ``WIDTH`` features at a time.

The gradient g of a pair's score goes on to the weight as g f_d, and to query and key as g df_d.
With f = r − ½ (r as in ``scores``) df is ¼ − f²; and since softmax makes the sum of g over the keys
0, neither ½ nor, for the query, ¼ matters: what is added up here is g f and g f², in which nothing
cancels. A key's ¼ Σ g is added behind. For a rectifier, df itself is added up.

Features lie side by side: the sums of four queries and of the weight stay in registers while the
keys pass by, and four queries share one reciprocal at each key. Queries and their sums are
``(rows, D)``; keys and theirs are ``(slice, key, WIDTH)``.
"""

from regard.engines.additive_numba.compiled import inline, kernel
from regard.engines.additive_numba.lanes import (
    WIDTH,
    add,
    each,
    fma,
    full,
    load,
    multiply,
    quotient,
    store,
    where_less,
)
from regard.engines.additive_numba.product import ROWS
from regard.engines.additive_numba.scores import DIRECT, FOUR, ONE, RECTIFIER, feature


@inline
def _slopes(kind, slope, a, f):
    if kind == RECTIFIER:
        return where_less(full(a, 0.0), f, full(a, 1.0), full(a, slope))
    return multiply(f, f)


@inline
def _spread(kind, slope, a, row, features, drows, g, g0, step, keys, dkeys, at, dweight, w0, n):
    one, zero, half = full(a, 1.0), full(a, 0.0), full(a, -0.5)
    row1, row2, row3 = row + features, row + 2 * features, row + 3 * features
    q0, q1, q2, q3 = load(a, row), load(a, row1), load(a, row2), load(a, row3)
    # Sums of a block begin at 0, and are then added to those before: less is lost by rounding.
    s0, s1, s2, s3, even, odd = zero, zero, zero, zero, zero, zero
    for j in range(n):
        place, here = at + j * WIDTH, g0 + j
        k = load(keys, place)
        if kind == FOUR:
            x0, x1, x2, x3 = fma(q0, k, one), fma(q1, k, one), fma(q2, k, one), fma(q3, k, one)
            left, right = multiply(x0, x1), multiply(x2, x3)
            both = quotient(one, multiply(left, right))
            left, right = multiply(both, right), multiply(both, left)
            f0, f1 = fma(left, x1, half), fma(left, x0, half)
            f2, f3 = fma(right, x3, half), fma(right, x2, half)
        else:
            f0, f1 = feature(kind, slope, a, q0, k), feature(kind, slope, a, q1, k)
            f2, f3 = feature(kind, slope, a, q2, k), feature(kind, slope, a, q3, k)
            if kind != RECTIFIER:
                f0, f1, f2, f3 = add(f0, half), add(f1, half), add(f2, half), add(f3, half)
        g_0, g_1 = each(g, here), each(g, here + step)
        g_2, g_3 = each(g, here + 2 * step), each(g, here + 3 * step)
        even, odd = fma(g_0, f0, even), fma(g_1, f1, odd)
        even, odd = fma(g_2, f2, even), fma(g_3, f3, odd)
        d0, d1 = _slopes(kind, slope, a, f0), _slopes(kind, slope, a, f1)
        d2, d3 = _slopes(kind, slope, a, f2), _slopes(kind, slope, a, f3)
        s0, s1, s2, s3 = fma(g_0, d0, s0), fma(g_1, d1, s1), fma(g_2, d2, s2), fma(g_3, d3, s3)
        sums = fma(g_2, d2, fma(g_3, d3, load(dkeys, place)))
        store(dkeys, place, fma(g_0, d0, fma(g_1, d1, sums)))
    store(drows, row, add(load(drows, row), s0))
    store(drows, row1, add(load(drows, row1), s1))
    store(drows, row2, add(load(drows, row2), s2))
    store(drows, row3, add(load(drows, row3), s3))
    store(dweight, w0, add(load(dweight, w0), add(even, odd)))


@inline
def _walk(
    kind, slope, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n
):  # fmt: skip
    for d in range(0, features, WIDTH):
        at = (d // WIDTH * length + first) * WIDTH
        for i in range(0, rows, ROWS):
            _spread(
                kind, slope, a, i * features + d, features, drows, g, i * step, step, keys, dkeys,
                at, dweight, w0 + d, n,
            )  # fmt: skip


@kernel
def _fours(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n):
    _walk(FOUR, 0.0, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n)


@kernel
def _ones(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n):
    _walk(ONE, 0.0, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n)


@kernel
def _direct(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n):
    _walk(
        DIRECT, 0.0, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n
    )


@kernel
def _rectified(
    slope, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n
):  # fmt: skip
    _walk(
        RECTIFIER, slope, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight,
        w0, n,
    )  # fmt: skip


@kernel
def spread(form, a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n):
    """Add g f² (of a rectifier, g df) to the sums of queries and keys, and g f to the weight's.

    Of n keys, from ``first`` on.
    """
    if form.kind == FOUR:
        _fours(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n)
    elif form.kind == ONE:
        _ones(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n)
    elif form.kind == DIRECT:
        _direct(a, rows, features, drows, g, step, keys, dkeys, first, length, dweight, w0, n)
    else:
        _rectified(
            form.slope,
            a,
            rows,
            features,
            drows,
            g,
            step,
            keys,
            dkeys,
            first,
            length,
            dweight,
            w0,
            n,
        )
