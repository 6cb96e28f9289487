"""Products of matrices in blocks of four rows and four vectors of lanes."""

from regard.engines.additive_numba.compiled import kernel
from regard.engines.additive_numba.lanes import WIDTH, each, fma, load, store

ROWS = 4
"""Rows of a block: what is loaded of the other matrix serves all of them."""


@kernel
def product4x4(a, a0, row, inner, m, m0, down, right, out, o0, step, n):
    """out[i, lanes] += Σ_k a[i, k] m[k, lanes], for four rows and four vectors of lanes.

    ``row`` and ``inner`` are the strides of a, ``down`` and ``right`` those of m, ``step`` out's.
    """
    s00, s01 = load(out, o0), load(out, o0 + WIDTH)
    s02, s03 = load(out, o0 + 2 * WIDTH), load(out, o0 + 3 * WIDTH)
    p = o0 + step
    s10, s11 = load(out, p), load(out, p + WIDTH)
    s12, s13 = load(out, p + 2 * WIDTH), load(out, p + 3 * WIDTH)
    p += step
    s20, s21 = load(out, p), load(out, p + WIDTH)
    s22, s23 = load(out, p + 2 * WIDTH), load(out, p + 3 * WIDTH)
    p += step
    s30, s31 = load(out, p), load(out, p + WIDTH)
    s32, s33 = load(out, p + 2 * WIDTH), load(out, p + 3 * WIDTH)
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
    store(out, o0, s00)
    store(out, o0 + WIDTH, s01)
    store(out, o0 + 2 * WIDTH, s02)
    store(out, o0 + 3 * WIDTH, s03)
    p = o0 + step
    store(out, p, s10)
    store(out, p + WIDTH, s11)
    store(out, p + 2 * WIDTH, s12)
    store(out, p + 3 * WIDTH, s13)
    p += step
    store(out, p, s20)
    store(out, p + WIDTH, s21)
    store(out, p + 2 * WIDTH, s22)
    store(out, p + 3 * WIDTH, s23)
    p += step
    store(out, p, s30)
    store(out, p + WIDTH, s31)
    store(out, p + 2 * WIDTH, s32)
    store(out, p + 3 * WIDTH, s33)


@kernel
def product4x1(a, a0, row, inner, m, m0, down, out, o0, step, n):
    """The same, for four rows and one vector of lanes."""
    s0, s1 = load(out, o0), load(out, o0 + step)
    s2, s3 = load(out, o0 + 2 * step), load(out, o0 + 3 * step)
    for k in range(n):
        x, lanes = a0 + k * inner, load(m, m0 + k * down)
        s0, s1 = fma(each(a, x), lanes, s0), fma(each(a, x + row), lanes, s1)
        s2 = fma(each(a, x + 2 * row), lanes, s2)
        s3 = fma(each(a, x + 3 * row), lanes, s3)
    store(out, o0, s0)
    store(out, o0 + step, s1)
    store(out, o0 + 2 * step, s2)
    store(out, o0 + 3 * step, s3)


@kernel
def product(a, a0, row, inner, m, m0, down, right, out, o0, step, rows, vectors, n):
    """out += a m, for ``rows`` (a multiple of four) rows and ``vectors`` vectors of lanes."""
    for i in range(0, rows, ROWS):
        first, place, wide = a0 + i * row, o0 + i * step, vectors - vectors % 4
        for j in range(0, wide, 4):
            product4x4(
                a, first, row, inner, m, m0 + j * right, down, right, out, place + j * WIDTH, step, n
            )
        for j in range(wide, vectors):
            product4x1(
                a, first, row, inner, m, m0 + j * right, down, out, place + j * WIDTH, step, n
            )
