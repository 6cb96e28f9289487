"""The Triton kernels of additive attention; ``additive_triton`` prepares and launches them.

A program owns the columns of its tiles and walks over their rows: queries own, and meet keys, in
the forward pass and for their own gradient; keys own, and meet queries, for theirs.

What grows from tile to tile is added up in memory, not in registers: that holds for any D and V,
and the numbers wait in the nearest cache.

Letters: Q K D V H G as everywhere (G: heads of the keys), ROWS and COLS the tile. Q', K' and D' are
sizes in memory, padded with zeros.
"""

# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportAttributeAccessIssue=false

import triton
import triton.language as tl

from regard.engines.additive_triton import tiles


@triton.jit
def forward(
    query, key, weight, fast, value, value_strides, seen, start, start_strides, stop, stop_strides,
    added, added_strides, seed, slope, dropout_p, total, output, lse, H, G, Q, K, D, V, Qp, Kp, Dp,
    TANH: tl.constexpr, SPANS: tl.constexpr, DROPOUT: tl.constexpr, ASSEMBLY: tl.constexpr,
    PRECISION: tl.constexpr, DOT: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """softmax(scores) @ value for COLS queries of one plane (batch row and head), over their keys.

    Writes output (B, H, Q, V), lse (B, H, Q); ``total`` (B, H, Q, V) float32, zeros, is its memory
    of the sums, and may be ``output`` itself.
    """
    n_blocks = tl.cdiv(Q, COLS)
    plane = tl.program_id(0) // n_blocks
    column = tl.program_id(0) % n_blocks * COLS
    batch, head = (plane // H).to(tl.int64), (plane % H).to(tl.int64)
    group = head // (H // G)
    keys = batch * G + group
    wide = plane.to(tl.int64)
    query += wide * Dp * Qp + column
    key += keys * Dp * Kp
    value += batch * value_strides[0] + group * value_strides[1]
    if added is not None:
        added += batch * added_strides[0] + head * added_strides[1]
    is_fast = tl.load(fast + keys)

    c = column + tl.arange(0, COLS)
    i = c[None, :]
    first, last, begin, end = 0, K, i, i
    if SPANS:
        start += batch * start_strides[0] + head * start_strides[1]
        stop += batch * stop_strides[0] + head * stop_strides[1]
        begin = tl.load(start + i.to(tl.int64) * start_strides[2], mask=i < Q, other=0)
        end = tl.load(stop + i.to(tl.int64) * stop_strides[2], mask=i < Q, other=0)
        first, last = tiles.hull(start, start_strides, stop, stop_strides, c, Q, K)
        first = first // ROWS * ROWS
    top = tl.full((COLS,), float("-inf"), tl.float32)
    mass = tl.zeros((COLS,), tl.float32)
    for row in range(first, last, ROWS):
        r = row + tl.arange(0, ROWS)
        j = r[:, None]
        scores = tiles.scores(
            key + row, Kp, query, Qp, weight + head * Dp, D, is_fast, slope,
            TANH, ASSEMBLY, ROWS, COLS,
        )  # fmt: skip
        scores = tiles.ruled(scores, i, j, begin, end, Q, K, added, added_strides, SPANS)
        new_top = tl.maximum(top, tl.max(scores, 0))
        base = tl.where(new_top == float("-inf"), 0.0, new_top)
        weights = tl.exp(scores - base[None, :])
        decay = tl.exp(top - base)
        mass = mass * decay + tl.sum(weights, 0)
        top = new_top
        if DROPOUT:
            weights = tl.where(tiles.kept(seed, plane, i, j, dropout_p), weights, 0.0)
        is_key = r < K
        if SPANS:
            is_key = tl.load(seen + keys * K + r, mask=is_key, other=0) != 0
        for left in range(0, V, WIDTH):
            v = left + tl.arange(0, WIDTH)[:, None]
            at = r.to(tl.int64)[None, :] * value_strides[2] + v * value_strides[3]
            values = tl.load(value + at, mask=is_key[None, :] & (v < V), other=0.0)
            at = total + (wide * Q + i) * V + v
            inside = (i < Q) & (v < V)
            sums = tl.load(at, mask=inside, other=0.0) * decay[None, :]
            sums = tl.dot(values.to(DOT), weights.to(DOT), sums, input_precision=PRECISION)
            tl.store(at, sums, mask=inside)
        tl.debug_barrier()

    sees = mass > 0
    mass = tl.where(sees, mass, 1.0)
    tl.store(lse + wide * Q + c, tl.where(sees, top + tl.log(mass), float("-inf")), mask=c < Q)
    share = tl.where(sees, 1.0, 0.0) / mass
    if DROPOUT:
        share = share / (1.0 - dropout_p)
    for left in range(0, V, WIDTH):
        v = left + tl.arange(0, WIDTH)[:, None]
        at = (wide * Q + i) * V + v
        inside = (i < Q) & (v < V)
        sums = tl.load(total + at, mask=inside, other=0.0) * share[None, :]
        tl.store(output + at, sums.to(output.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["one"])
def backward(
    query, key, weight, fast, value, value_strides, seen, start, start_strides, stop, stop_strides,
    added, added_strides, seed, slope, dropout_p, query_vectors, key_vectors,
    lse, delta, grad, grad_strides, scratch,
    into, into_value, into_weight, into_added, into_added_strides, first_plane, plane_step, one,
    H, G, Q, K, D, V, Qp, Kp, Dp,
    OF_KEYS: tl.constexpr, TANH: tl.constexpr, SPANS: tl.constexpr, DROPOUT: tl.constexpr,
    ASSEMBLY: tl.constexpr, PRECISION: tl.constexpr, DOT: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, WIDTH: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """The gradient of COLS queries of one plane, or OF_KEYS: of COLS keys, of their values, and
    their part of the weight's.

    The two are mirror images: a program owns columns and walks over the rows that meet them. With
    p = exp(score - lse), g = p (grad · value - delta) is the gradient of the score. It is kept for
    one tile, in this program's (ROWS, COLS) of ``scratch``.

    Adds to ``into`` (B, H, D', Q' or K'), OF_KEYS to into_value (B, H, K, V) and into_weight
    (B, H, blocks, D'), and to into_added, if it is there: g for each pair, or OF_KEYS its sum over
    the queries, (B, H, K). All float32, zeros before.
    """
    n_cols = K if OF_KEYS else Q
    n_blocks = tl.cdiv(n_cols, COLS)
    program = tl.program_id(0).to(tl.int64)
    plane = first_plane + tl.program_id(0) // n_blocks * plane_step
    block = tl.program_id(0) % n_blocks
    column = block * COLS
    batch, head = (plane // H).to(tl.int64), (plane % H).to(tl.int64)
    group = head // (H // G)
    keys = batch * G + group
    wide = plane.to(tl.int64)
    # one is 1, and the compiler does not know. If it saw columns side by side it would give a
    # thread four of them and fewer rows, and change the layout at each step of the inner loops;
    # this way a thread has one column and many rows, whose features it loads four at a time.
    apart = tl.arange(0, COLS) * one
    c = column + apart

    query += wide * Dp * Qp
    key += keys * Dp * Kp
    query_vectors += wide * Dp * Qp
    key_vectors += keys * Dp * Kp
    weight += head * Dp
    value += batch * value_strides[0] + group * value_strides[1]
    grad += batch * grad_strides[0] + head * grad_strides[1]
    lse += wide * Q
    delta += wide * Q
    scratch += program * ROWS * COLS
    if SPANS:
        start += batch * start_strides[0] + head * start_strides[1]
        stop += batch * stop_strides[0] + head * stop_strides[1]
        seen += keys * K
    if added is not None:
        added += batch * added_strides[0] + head * added_strides[1]
    if OF_KEYS:
        into += wide * Dp * Kp + column
        into_value += wide * K * V
        into_weight += (wide * n_blocks + block) * Dp
        if into_added is not None:
            into_added += wide * K
    else:
        into += wide * Dp * Qp + column
        if into_added is not None:
            into_added += batch * into_added_strides[0] + head * into_added_strides[1]
    is_fast = tl.load(fast + keys)

    first, last = 0, Q if OF_KEYS else K
    if SPANS and not OF_KEYS:
        first, last = tiles.hull(start, start_strides, stop, stop_strides, c, Q, K)
        first = first // ROWS * ROWS
    for row in range(first, last, ROWS):
        r = row + tl.arange(0, ROWS)
        meets = True
        if SPANS and OF_KEYS:
            low, high = tiles.hull(start, start_strides, stop, stop_strides, r, Q, K)
            meets = (low < column + COLS) & (high > column)
        if meets:
            if OF_KEYS:
                of_query, of_key, i, j = r, c, r[:, None], c[None, :]
                row_features, n_row, col_features, n_col = query + row, Qp, key + column, Kp
                row_vectors = query_vectors + row * Dp.to(tl.int64)
            else:
                of_query, of_key, i, j = c, r, c[None, :], r[:, None]
                row_features, n_row, col_features, n_col = key + row, Kp, query + column, Qp
                row_vectors = key_vectors + row * Dp.to(tl.int64)
            begin, end, is_key = i, i, of_key < K
            if SPANS:
                begin = tl.load(start + i.to(tl.int64) * start_strides[2], mask=i < Q, other=0)
                end = tl.load(stop + i.to(tl.int64) * stop_strides[2], mask=i < Q, other=0)
                is_key = tl.load(seen + of_key, mask=is_key, other=0) != 0
            scores = tiles.scores(
                row_features, n_row, col_features, n_col, weight, D, is_fast, slope,
                TANH, ASSEMBLY, ROWS, COLS,
            )  # fmt: skip
            scores = tiles.ruled(scores, i, j, begin, end, Q, K, added, added_strides, SPANS)
            # Where a query sees nothing, lse is -inf, and every weight 0 and not exp(-inf + inf).
            level = tl.load(lse + i, mask=i < Q, other=float("-inf"))
            level = tl.where(level == float("-inf"), float("inf"), level)
            weights = tl.exp(scores - level)
            used = weights
            if DROPOUT:
                kept = tiles.kept(seed, plane, i, j, dropout_p)
                used = tl.where(kept, weights / (1.0 - dropout_p), 0.0)

            pulls = tl.zeros((COLS, ROWS), tl.float32)
            for left in range(0, V, WIDTH):
                v = left + tl.arange(0, WIDTH)[:, None]
                at = of_key.to(tl.int64)[None, :] * value_strides[2] + v * value_strides[3]
                inside = is_key[None, :] & (v < V)
                values = tl.load(value + at, mask=inside, other=0.0).to(DOT)
                at = of_query.to(tl.int64)[None, :] * grad_strides[2] + v * grad_strides[3]
                inside = (of_query < Q)[None, :] & (v < V)
                grads = tl.load(grad + at, mask=inside, other=0.0).to(DOT)
                if OF_KEYS:
                    pulls = tl.dot(tl.trans(values), grads, pulls, input_precision=PRECISION)
                    at = into_value + j.to(tl.int64) * V + v
                    inside = (j < K) & (v < V)
                    sums = tl.load(at, mask=inside, other=0.0)
                    sums = tl.dot(grads, used.to(DOT), sums, input_precision=PRECISION)
                    tl.store(at, sums, mask=inside)
                else:
                    pulls = tl.dot(tl.trans(grads), values, pulls, input_precision=PRECISION)
            pulls = tl.trans(pulls)
            if DROPOUT:
                pulls = tl.where(kept, pulls / (1.0 - dropout_p), 0.0)
            pulls = weights * (pulls - tl.load(delta + i, mask=i < Q, other=0.0))
            g = tl.where(scores > float("-inf"), pulls, 0.0)

            if into_added is not None:
                if OF_KEYS:
                    sums = tl.load(into_added + c, mask=c < K, other=0.0) + tl.sum(g, 0)
                    tl.store(into_added + c, sums, mask=c < K)
                else:
                    at = into_added + i.to(tl.int64) * K + j
                    inside = (i < Q) & (j < K)
                    tl.store(at, tl.load(at, mask=inside, other=0.0) + g, mask=inside)
            at = scratch + tl.arange(0, ROWS)[:, None] * COLS + apart[None, :]
            tl.store(at, g)
            tl.debug_barrier()  # what other threads wrote is read below, and above in the next turn
            for left in range(0, Dp, DEPTH):
                tiles.pull(
                    scratch, row_vectors, Dp, col_features, n_col, weight, into, into_weight,
                    left, apart, is_fast, slope, TANH, OF_KEYS, ASSEMBLY, ROWS, COLS, DEPTH,
                )  # fmt: skip
            tl.debug_barrier()
