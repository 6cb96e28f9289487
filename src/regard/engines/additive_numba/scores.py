"""Scores of additive attention, in tiles of four queries and ``WIDTH`` keys.

With ``a = exp(t_q)`` and ``b = exp(t_k)`` made once for each query and each key,

    tanh(q + k) = 1 − 2 r,     sigmoid(q + k) = 1 − r,     r = 1 / (1 + a b)

(t is 2q for tanh and q for sigmoid). The constant Σ v cancels in softmax, and what is left, the sum
of w_d r_d, is one fraction n/p over a group of features: each feature makes it grow by three
instructions, and the group needs one reciprocal.

Queries are ``(rows, D)``; keys are ``(tile, D, WIDTH)``, sixteen of them side by side.
"""

from regard.engines.additive_numba.compiled import inline, kernel
from regard.engines.additive_numba.exponential import exponential
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
    total,
    where_less,
)
from regard.engines.additive_numba.product import ROWS

EIGHT, FOUR, ONE, DIRECT, RECTIFIER = 8, 4, 1, 0, -1
"""Kinds of score: features that share a reciprocal, r from q + k itself, a rectifier of q + k."""


@inline
def _sum_of_fractions(a, row, keys, at, c, c0, features, out, place, step, group):
    # n/p = Σ w/(1 + ab) over a group, as Σ 1/x of x = (1 + ab)/w. The four rows take turns at each
    # step, for a processor looks only so far ahead for work that need not wait.
    one = full(a, 1.0)
    s0 = full(a, 0.0)
    s1, s2, s3 = s0, s0, s0
    row1, row2, row3 = row + features, row + 2 * features, row + 3 * features
    for d in range(0, features, group):
        k, constant = load(keys, at + d * WIDTH), each(c, c0 + d)
        p0, p1 = fma(each(a, row + d), k, constant), fma(each(a, row1 + d), k, constant)
        p2, p3 = fma(each(a, row2 + d), k, constant), fma(each(a, row3 + d), k, constant)
        n0, n1, n2, n3 = one, one, one, one
        for e in range(d + 1, d + group):
            k, constant = load(keys, at + e * WIDTH), each(c, c0 + e)
            x0, x1 = fma(each(a, row + e), k, constant), fma(each(a, row1 + e), k, constant)
            x2, x3 = fma(each(a, row2 + e), k, constant), fma(each(a, row3 + e), k, constant)
            n0, n1, n2, n3 = fma(n0, x0, p0), fma(n1, x1, p1), fma(n2, x2, p2), fma(n3, x3, p3)
            p0, p1, p2, p3 = multiply(p0, x0), multiply(p1, x1), multiply(p2, x2), multiply(p3, x3)
        s0, s1 = fma(n0, quotient(one, p0), s0), fma(n1, quotient(one, p1), s1)
        s2, s3 = fma(n2, quotient(one, p2), s2), fma(n3, quotient(one, p3), s3)
    store(out, place, s0)
    store(out, place + step, s1)
    store(out, place + 2 * step, s2)
    store(out, place + 3 * step, s3)


@inline
def feature(kind, slope, a, q, k):
    """f of a feature of some pairs: r of their exponentials, or r or the rectifier of q + k."""
    one = full(a, 1.0)
    if kind == ONE:
        return quotient(one, fma(q, k, one))
    x = add(q, k)
    if kind == RECTIFIER:
        return where_less(full(a, 0.0), x, x, multiply(x, full(a, slope)))
    # Beyond 40, r is 0 to the last bit of float64; NaN passes.
    x = where_less(full(a, 40.0), x, full(a, 40.0), x)
    return quotient(one, add(one, exponential(a, x)))


@inline
def _sum_of_features(kind, slope, a, row, keys, at, w, w0, features, out, place, step):
    s0 = full(a, 0.0)
    s1, s2, s3 = s0, s0, s0
    row1, row2, row3 = row + features, row + 2 * features, row + 3 * features
    for d in range(features):
        weight, k = each(w, w0 + d), load(keys, at + d * WIDTH)
        s0 = fma(weight, feature(kind, slope, a, each(a, row + d), k), s0)
        s1 = fma(weight, feature(kind, slope, a, each(a, row1 + d), k), s1)
        s2 = fma(weight, feature(kind, slope, a, each(a, row2 + d), k), s2)
        s3 = fma(weight, feature(kind, slope, a, each(a, row3 + d), k), s3)
    store(out, place, s0)
    store(out, place + step, s1)
    store(out, place + 2 * step, s2)
    store(out, place + 3 * step, s3)


# A kernel for each kind: in one function for all of them each would be a fifth slower.


@kernel
def _eights(a, rows, keys, at, tiles, c, w0, features, out, step):
    for tile in range(tiles):
        here = at + tile * features * WIDTH
        for i in range(0, rows, ROWS):
            place = i * step + tile * WIDTH
            _sum_of_fractions(a, i * features, keys, here, c, w0, features, out, place, step, 8)


@kernel
def _fours(a, rows, keys, at, tiles, c, w0, features, out, step):
    for tile in range(tiles):
        here = at + tile * features * WIDTH
        for i in range(0, rows, ROWS):
            place = i * step + tile * WIDTH
            _sum_of_fractions(a, i * features, keys, here, c, w0, features, out, place, step, 4)


@inline
def _one_by_one(kind, slope, a, rows, keys, at, tiles, w, w0, features, out, step):
    for tile in range(tiles):
        here = at + tile * features * WIDTH
        for i in range(0, rows, ROWS):
            row, place = i * features, i * step + tile * WIDTH
            _sum_of_features(kind, slope, a, row, keys, here, w, w0, features, out, place, step)


@kernel
def _ones(a, rows, keys, at, tiles, w, w0, features, out, step):
    _one_by_one(ONE, 0.0, a, rows, keys, at, tiles, w, w0, features, out, step)


@kernel
def _direct(a, rows, keys, at, tiles, w, w0, features, out, step):
    _one_by_one(DIRECT, 0.0, a, rows, keys, at, tiles, w, w0, features, out, step)


@kernel
def _rectified(slope, a, rows, keys, at, tiles, w, w0, features, out, step):
    _one_by_one(RECTIFIER, slope, a, rows, keys, at, tiles, w, w0, features, out, step)


@inline
def _row_by_row(kind, slope, factor, a, rows, keys, base, w, w0, features, out, step, n):
    # Four keys take turns, as four queries do above.
    zero, t = full(a, 0.0), full(a, factor)
    whole = n - n % 4
    for i in range(rows):
        for j in range(0, whole, 4):
            s0, s1, s2, s3 = zero, zero, zero, zero
            at = base + j * features
            for d in range(0, features, WIDTH):
                q, v = load(a, i * features + d), load(w, w0 + d)
                k0, k1 = load(keys, at + d), load(keys, at + features + d)
                k2, k3 = load(keys, at + 2 * features + d), load(keys, at + 3 * features + d)
                s0 = fma(v, feature(kind, slope, a, q, multiply(k0, t)), s0)
                s1 = fma(v, feature(kind, slope, a, q, multiply(k1, t)), s1)
                s2 = fma(v, feature(kind, slope, a, q, multiply(k2, t)), s2)
                s3 = fma(v, feature(kind, slope, a, q, multiply(k3, t)), s3)
            here = i * step + j
            out[here], out[here + 1] = total(s0), total(s1)
            out[here + 2], out[here + 3] = total(s2), total(s3)
        for j in range(whole, n):
            s0 = zero
            for d in range(0, features, WIDTH):
                k = multiply(load(keys, base + j * features + d), t)
                f = feature(kind, slope, a, load(a, i * features + d), k)
                s0 = fma(load(w, w0 + d), f, s0)
            out[i * step + j] = total(s0)


@kernel
def _few_direct(factor, a, rows, keys, base, w, w0, features, out, step, n):
    _row_by_row(DIRECT, 0.0, factor, a, rows, keys, base, w, w0, features, out, step, n)


@kernel
def _few_rectified(slope, a, rows, keys, base, w, w0, features, out, step, n):
    _row_by_row(RECTIFIER, slope, 1.0, a, rows, keys, base, w, w0, features, out, step, n)


@kernel
def few_scores(form, a, rows, keys, base, w0, out, step, n):
    """The same for a few queries and n keys as they come, ``(key, D)``: features side by side.

    Laying keys out, or their exponentials, would cost more than it spares.
    """
    features, w = len(form.dims), form.weight
    if form.kind == RECTIFIER:
        _few_rectified(form.slope, a, rows, keys, base, w, w0, features, out, step, n)
    else:
        _few_direct(form.factor, a, rows, keys, base, w, w0, features, out, step, n)


@kernel
def score_tiles(form, a, rows, keys, at, tiles, w0, out, step):
    """out[i, j] = Σ_d w_d f_d of ``rows`` queries, a multiple of four, and tiles from ``at`` on."""
    features, c, w = len(form.dims), form.constant, form.weight
    if form.kind == EIGHT:
        _eights(a, rows, keys, at, tiles, c, w0, features, out, step)
    elif form.kind == FOUR:
        _fours(a, rows, keys, at, tiles, c, w0, features, out, step)
    elif form.kind == ONE:
        _ones(a, rows, keys, at, tiles, w, w0, features, out, step)
    elif form.kind == DIRECT:
        _direct(a, rows, keys, at, tiles, w, w0, features, out, step)
    else:
        _rectified(form.slope, a, rows, keys, at, tiles, w, w0, features, out, step)
