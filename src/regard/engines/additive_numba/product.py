"""Products of matrices in blocks of four rows and four vectors of lanes."""

from regard.engines.additive_numba.compiled import inline, kernel
from regard.engines.additive_numba.lanes import WIDTH, add, each, fma, full, load, store

ROWS = 4
"""Rows of a block: what is loaded of the other matrix serves all of them."""


@inline
def _add_four(out, at, a, b, c, d):
    store(out, at, add(load(out, at), a))
    store(out, at + WIDTH, add(load(out, at + WIDTH), b))
    store(out, at + 2 * WIDTH, add(load(out, at + 2 * WIDTH), c))
    store(out, at + 3 * WIDTH, add(load(out, at + 3 * WIDTH), d))


@kernel
def product4x4(a, a0, row, inner, m, m0, down, right, out, o0, step, n):
    """out[i, lanes] += Σ_k a[i, k] m[k, lanes], for four rows and four vectors of lanes.

    ``row`` and ``inner`` are the strides of a, ``down`` and ``right`` those of m, ``step`` out's.
    """
    zero = full(a, 0.0)
    s00, s01, s02, s03, s10, s11, s12, s13 = zero, zero, zero, zero, zero, zero, zero, zero
    s20, s21, s22, s23, s30, s31, s32, s33 = zero, zero, zero, zero, zero, zero, zero, zero
    for k in range(n):
        x, y = a0 + k * inner, m0 + k * down
        m_0, m_1 = load(m, y), load(m, y + right)
        m_2, m_3 = load(m, y + 2 * right), load(m, y + 3 * right)
        b = each(a, x)
        s00, s01, s02, s03 = fma(b, m_0, s00), fma(b, m_1, s01), fma(b, m_2, s02), fma(b, m_3, s03)
        b = each(a, x + row)
        s10, s11, s12, s13 = fma(b, m_0, s10), fma(b, m_1, s11), fma(b, m_2, s12), fma(b, m_3, s13)
        b = each(a, x + 2 * row)
        s20, s21, s22, s23 = fma(b, m_0, s20), fma(b, m_1, s21), fma(b, m_2, s22), fma(b, m_3, s23)
        b = each(a, x + 3 * row)
        s30, s31, s32, s33 = fma(b, m_0, s30), fma(b, m_1, s31), fma(b, m_2, s32), fma(b, m_3, s33)
    _add_four(out, o0, s00, s01, s02, s03)
    _add_four(out, o0 + step, s10, s11, s12, s13)
    _add_four(out, o0 + 2 * step, s20, s21, s22, s23)
    _add_four(out, o0 + 3 * step, s30, s31, s32, s33)


@kernel
def product4x1(a, a0, row, inner, m, m0, down, out, o0, step, n):
    """The same, for four rows and one vector of lanes."""
    s0 = full(a, 0.0)
    s1, s2, s3 = s0, s0, s0
    for k in range(n):
        x, lanes = a0 + k * inner, load(m, m0 + k * down)
        s0, s1 = fma(each(a, x), lanes, s0), fma(each(a, x + row), lanes, s1)
        s2 = fma(each(a, x + 2 * row), lanes, s2)
        s3 = fma(each(a, x + 3 * row), lanes, s3)
    store(out, o0, add(load(out, o0), s0))
    store(out, o0 + step, add(load(out, o0 + step), s1))
    store(out, o0 + 2 * step, add(load(out, o0 + 2 * step), s2))
    store(out, o0 + 3 * step, add(load(out, o0 + 3 * step), s3))


@kernel
def product(a, a0, row, inner, m, m0, down, right, out, o0, step, rows, vectors, n):
    """out += a m, for ``rows`` (a multiple of four) rows and ``vectors`` vectors of lanes."""
    for i in range(0, rows, ROWS):
        first, place, wide = a0 + i * row, o0 + i * step, vectors - vectors % 4
        for j in range(0, wide, 4):
            product4x4(
                a,
                first,
                row,
                inner,
                m,
                m0 + j * right,
                down,
                right,
                out,
                place + j * WIDTH,
                step,
                n,
            )
        for j in range(wide, vectors):
            product4x1(
                a, first, row, inner, m, m0 + j * right, down, out, place + j * WIDTH, step, n
            )
