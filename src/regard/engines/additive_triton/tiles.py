"""What the Triton kernels of additive attention do with a tile of pairs.

A score is sum_d w_d f(q_d + k_d), so a tile of scores is a loop over d of outer sums. In plain form
the rows and columns are q and k as they are. In fast form, for tanh alone, they are eq = exp(2q)
and ek = exp(2k), and a pair costs no exponential: tanh(q + k) = 1 - 2r with r = 1 / (1 + eq ek).
Two pairs share a reciprocal, the slowest instruction: for x = 1 + eq ek and y alike, u = 1 / (x y)
gives 1 / x = u y and 1 / y = u x.

A thread has one column and many rows, so the loads of rows are wide, and maxima and sums over rows
stay in it. Rows and columns are padded to whole tiles: no step over d asks where they end.
"""

# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportAttributeAccessIssue=false

import triton
import triton.language as tl


@triton.jit
def _reciprocal(x, ASSEMBLY: tl.constexpr):
    """1 / x to a unit in the last place; Triton's own division guards a range that x keeps."""
    if ASSEMBLY:
        inverse = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        inverse = 1.0 / x
    return inverse


@triton.jit
def _tanh(x, ASSEMBLY: tl.constexpr):
    """tanh to a few units in the last place of float32, for every x (Cephes, tanhf)."""
    size = tl.abs(x)
    square = x * x
    series = -5.70498872745e-3 * square + 2.06390887954e-2
    series = series * square - 5.37397155531e-2
    series = series * square + 1.33314422036e-1
    series = series * square - 3.33332819422e-1
    small = x + x * (square * series)
    large = 1.0 - 2.0 * _reciprocal(1.0 + tl.exp(2.0 * size), ASSEMBLY)  # 1 - 0 at infinity
    return tl.where(size < 0.625, small, tl.where(x < 0, -large, large))


@triton.jit
def scores(
    rows, n_rows, cols, n_cols, weight, D, fast, slope, TANH: tl.constexpr, ASSEMBLY: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """A (ROWS, COLS) tile of scores; ``rows`` and ``cols`` point to feature 0 of the first."""
    r = tl.arange(0, ROWS)[:, None]
    c = tl.arange(0, COLS)[None, :]
    scores = tl.zeros((ROWS, COLS), tl.float32)
    for d in range(0, D, 16):  # sums of sums: they round less than one long sum
        part = tl.zeros((ROWS, COLS), tl.float32)
        n = tl.minimum(16, D - d)
        if TANH:
            if fast != 0:
                whole = 0.0
                for _ in range(0, n, 2):
                    x = 1.0 + tl.load(rows + r) * tl.load(cols + c)
                    y = 1.0 + tl.load(rows + n_rows + r) * tl.load(cols + n_cols + c)
                    v = tl.load(weight)
                    w = tl.load(weight + 1)
                    part += (v * y + w * x) * _reciprocal(x * y, ASSEMBLY)
                    whole += v + w
                    rows += 2 * n_rows
                    cols += 2 * n_cols
                    weight += 2
                part = whole - 2.0 * part
            else:
                for _ in range(n):
                    x = tl.load(rows + r) + tl.load(cols + c)
                    part += tl.load(weight) * _tanh(x, ASSEMBLY)
                    rows += n_rows
                    cols += n_cols
                    weight += 1
        else:
            for _ in range(n):
                x = tl.load(rows + r) + tl.load(cols + c)
                part += tl.load(weight) * tl.where(x < 0, slope * x, x)
                rows += n_rows
                cols += n_cols
                weight += 1
        scores += part
    return scores


@triton.jit
def ruled(scores, i, j, begin, end, Q, K, added, added_strides, SPANS: tl.constexpr):
    """The scores with what is added to them; -inf where query i does not see key j."""
    allowed = (i < Q) & (j < K)
    if SPANS:
        allowed = allowed & (j >= begin) & (j < end)
    if added is not None:
        more = tl.load(
            added + i.to(tl.int64) * added_strides[2] + j.to(tl.int64) * added_strides[3],
            mask=allowed,
            other=0.0,
        ).to(tl.float32)
        # Where -inf is added the score does not count, not even a NaN.
        scores = tl.where(more == float("-inf"), more, scores + more)
    return tl.where(allowed, scores, float("-inf"))


@triton.jit
def kept(seed, plane, i, j, dropout_p):
    """Which weights dropout leaves, by pair: the same in every pass and for every tiling."""
    zero = (i + j) * 0
    drawn, _, _, _ = tl.philox(tl.load(seed), zero + j, zero + i, zero + plane, zero)
    return tl.uint_to_uniform_float(drawn) >= dropout_p


@triton.jit
def hull(start, start_strides, stop, stop_strides, i, Q, K):
    """The least range of keys that holds the spans of the queries i."""
    begin = tl.load(start + i.to(tl.int64) * start_strides[2], mask=i < Q, other=0)
    end = tl.load(stop + i.to(tl.int64) * stop_strides[2], mask=i < Q, other=0)
    first = tl.min(tl.where(begin < end, begin, K))
    last = tl.max(tl.where(begin < end, end, 0))
    return tl.maximum(first, 0), tl.minimum(last, K)


@triton.jit
def pull(
    scratch, rows, Dp, cols, n_cols, weight, into, into_weight, left, apart, fast, slope,
    TANH: tl.constexpr, WEIGHT: tl.constexpr, ASSEMBLY: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """Adds to the gradient of the columns, features left to left + DEPTH, what a tile gives:
    sum over rows of g w f'(row + col), and with WEIGHT sum over both of g f(row + col).

    The tile's g = dscore lies in scratch, (ROWS, COLS), and is met row by row, so that no sum but
    the weight's leaves its thread. d tanh = 4 (r - r²).
    """
    d = left + tl.arange(0, DEPTH)[:, None]
    c = apart[None, :]
    at = d.to(tl.int64) * n_cols + c
    own = tl.load(cols + at)
    slopes = tl.zeros((DEPTH, COLS), tl.float32)
    values = tl.zeros((DEPTH, COLS), tl.float32)
    whole = tl.zeros((1, COLS), tl.float32)
    if TANH:
        if fast != 0:
            for _ in range(0, ROWS, 2):
                g = tl.load(scratch + c)
                h = tl.load(scratch + COLS + c)
                x = 1.0 + tl.load(rows + d) * own
                y = 1.0 + tl.load(rows + Dp + d) * own
                both = _reciprocal(x * y, ASSEMBLY)
                x, y = both * y, both * x
                slopes += g * (x - x * x)
                slopes += h * (y - y * y)
                if WEIGHT:
                    values += g * x
                    values += h * y
                    whole += g + h
                rows += 2 * Dp
                scratch += 2 * COLS
            slopes *= 4.0
            values = whole - 2.0 * values
        else:
            for _ in range(ROWS):
                g = tl.load(scratch + c)
                x = _tanh(tl.load(rows + d) + own, ASSEMBLY)
                slopes += g * (1.0 - x * x)
                if WEIGHT:
                    values += g * x
                rows += Dp
                scratch += COLS
    else:
        for _ in range(ROWS):
            g = tl.load(scratch + c)
            x = tl.load(rows + d) + own
            rising = tl.where(x < 0, slope * g, g)
            slopes += rising
            if WEIGHT:
                values += rising * x
            rows += Dp
            scratch += COLS
    slopes *= tl.load(weight + d)
    tl.store(into + at, tl.load(into + at) + slopes)
    if WEIGHT:
        into_weight += d
        tl.store(into_weight, tl.load(into_weight) + tl.sum(values, 1)[:, None])
