"""The backward pass of a run of rows: what each thread computes.

Scores are made again (or taken as the forward pass left them), and with the log-sum-exp of a row
they are weights p; the gradient of a score is g = p (dp − Σ p dp), and Σ p dp is the product of the
output and its gradient.
"""

from typing import NamedTuple

import numpy as np

from regard.engines.additive_numba.compiled import entry, kernel
from regard.engines.additive_numba.exponential import exponential
from regard.engines.additive_numba.forward import BLOCK, KEYS, complete
from regard.engines.additive_numba.inputs import (
    are_few,
    draw_key,
    lay_keys,
    lay_queries,
    lay_slices,
    lay_values,
    mark_seen,
    reach,
    space,
    visible,
)
from regard.engines.additive_numba.lanes import (
    WIDTH,
    add,
    each,
    fma,
    full,
    load,
    multiply,
    store,
    subtract,
    where_drawn,
    where_within,
)
from regard.engines.additive_numba.product import ROWS, product
from regard.engines.additive_numba.scores import few_scores, score_tiles
from regard.engines.additive_numba.slopes import spread


class Sums(NamedTuple):
    """Where gradients are added up, flat, and where in them this thread's own begin."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    added: np.ndarray
    query_at: int
    key_at: int
    value_at: int
    weight_at: int


@kernel
def _lay_gradients(x, plane, first, last, grad, output, wide, grads, inner):
    """Gradients of the output as ``(rows, wide)``, and of each row its product with the output."""
    count = (last - first + ROWS - 1) // ROWS * ROWS
    grads[: count * wide] = 0.0
    for i in range(last - first):
        at, sums = (plane * x.n_queries + first + i) * x.width, 0.0
        start, stop = visible(x, plane, first + i)
        for d in range(x.width):
            if start < stop:
                grads[i * wide + d] = grad[at + d]
                sums += grad[at + d] * output[at + d]
        inner[i] = sums


@kernel
def _turn_values(values, wide, tiles, width, turned):
    """Values ``(key, wide)`` as ``(tile, width, WIDTH)``, keys side by side."""
    for j in range(tiles * WIDTH):
        at = j // WIDTH * WIDTH * width + j % WIDTH
        for d in range(width):
            turned[at + d * WIDTH] = values[j * wide + d]


@kernel
def _take_scores(x, scores, plane, row, first, tiles, p, at):
    """Scores that the forward pass left, −∞ where the query may not look."""
    place = (plane * x.n_queries + row) * x.n_keys + first
    start, stop = visible(x, plane, row)
    nothing = full(p, -np.inf)
    for tile in range(tiles):
        here, there, key = at + tile * WIDTH, place + tile * WIDTH, first + tile * WIDTH
        if key + WIDTH <= x.n_keys:
            store(p, here, load(scores, there))
        else:
            for lane in range(x.n_keys - key):
                p[here + lane] = scores[there + lane]
        if key < start or key + WIDTH > stop:
            store(p, here, where_within(key, start, stop, load(p, here), nothing))


@kernel
def _differentiate(x, plane, row, first, tiles, lse, inner, p, g, at, gsums, place):
    """Of a row of scores (p) and gradients of weights (g): the weights that were used, and the
    gradients of the scores, which are added up over the rows, too."""
    shift, delta = full(p, lse), full(p, inner)
    lost, grow = full(p, 0.0), full(p, x.grow)
    key = draw_key(x, plane, row) if x.threshold else 0
    for tile in range(tiles):
        here, draw = at + tile * WIDTH, first + tile * WIDTH
        power, slope = exponential(p, subtract(load(p, here), shift)), load(g, here)
        used = power
        if x.threshold:
            used = where_drawn(key, draw, x.threshold, lost, multiply(power, grow))
            slope = where_drawn(key, draw, x.threshold, lost, multiply(slope, grow))
        change, there = multiply(power, subtract(slope, delta)), place + tile * WIDTH
        store(g, here, change)
        store(gsums, there, add(load(gsums, there), change))
        store(p, here, used)


@kernel
def _add_rows(x, plane, row, n, drows, features, form, w0, sums):
    base = sums.query_at + (x.query_plane[plane] * x.n_queries + row) * x.features
    for i in range(n):
        for d in range(x.features):
            change = drows[i * features + d] * form.inward[w0 + d]
            sums.query[base + i * x.features + d] += change


@kernel
def _add_keys(x, plane, low, high, dkeys, gsums, form, w0, sums):
    length = (high - low + WIDTH - 1) // WIDTH * WIDTH
    base = sums.key_at + (x.key_plane[plane] * x.n_keys + low) * x.features
    whole = x.features // WIDTH * WIDTH
    for d in range(0, whole, WIDTH):
        inward = load(form.inward, w0 + d)
        for j in range(high - low):
            at, here = (d // WIDTH * length + j) * WIDTH, base + j * x.features + d
            change = fma(each(gsums, j), full(gsums, form.quarter), load(dkeys, at))
            store(sums.key, here, fma(change, inward, load(sums.key, here)))
    for d in range(whole, x.features):
        for j in range(high - low):
            at = (d // WIDTH * length + j) * WIDTH + d % WIDTH
            change = dkeys[at] + form.quarter * gsums[j]
            sums.key[base + j * x.features + d] += change * form.inward[w0 + d]


@kernel
def _add_values(x, plane, low, high, dvalues, wide, sums):
    base = sums.value_at + (x.value_plane[plane] * x.n_keys + low) * x.width
    for j in range(high - low):
        for d in range(x.width):
            sums.value[base + j * x.width + d] += dvalues[j * wide + d]


@entry
def backward(x, form, slopes, first, last, output, lse, scores, grad, sums):
    """Gradients of the rows first … last − 1, added to ``sums``.

    ``form`` is that of the scores, ``slopes`` that of their gradients, features in their order.
    """
    features, wings = len(form.dims), len(slopes.dims)
    vectors = (x.width + WIDTH - 1) // WIDTH
    wide, step, room = vectors * WIDTH, KEYS + WIDTH, x.n_keys + WIDTH
    remade = len(scores) == 0
    few = are_few(x, form)
    keys = space(room * features if remade and not few else 0, x.key)
    wing_keys, dkeys = space(room * wings, x.key), space(room * wings, x.key)
    values, dvalues = space(room * wide, x.key), space(room * wide, x.key)
    turned, seen = space(room * x.width, x.key), np.empty(x.n_keys + 1, np.uint8)
    a, wing_a = space(BLOCK * features + WIDTH, x.key), space(BLOCK * wings + WIDTH, x.key)
    gsums = space(room, x.key)
    drows, dweight = space(BLOCK * wings, x.key), space(wings, x.key)
    sum_of_weight = np.empty(wings, np.float64)
    p, g = space(BLOCK * step, x.key), space(BLOCK * step, x.key)
    grads, inner = space(BLOCK * wide, x.key), space(BLOCK, x.key)
    while first < last:
        plane = first // x.n_queries
        begin = first - plane * x.n_queries
        end = min(x.n_queries, begin + last - first)
        first += end - begin
        low, high = reach(x, plane, begin, end)
        length = (high - low + WIDTH - 1) // WIDTH * WIDTH
        mark_seen(x, plane, begin, end, low, high, seen)
        if remade and not few:
            lay_keys(x, form, plane, low, high, seen, keys)
        lay_slices(x, slopes, plane, low, high, seen, wing_keys)
        lay_values(x, plane, low, high, seen, wide, values)
        _turn_values(values, wide, length // WIDTH, x.width, turned)
        gsums[:length] = 0.0
        dkeys[: length * wings], dvalues[: length * wide], sum_of_weight[:] = 0.0, 0.0, 0.0
        scale, w0 = form.scale[x.weight_plane[plane]], x.weight_plane[plane]
        for row in range(begin, end, BLOCK):
            n = min(BLOCK, end - row)
            rows = (n + ROWS - 1) // ROWS * ROWS
            if remade:
                lay_queries(x, form, plane, row, row + n, form.kind > 1, a)
            lay_queries(x, slopes, plane, row, row + n, False, wing_a)
            _lay_gradients(x, plane, row, row + n, grad, output, wide, grads, inner)
            drows[: rows * wings] = 0.0
            near, far = reach(x, plane, row, row + n)
            near = low + (near - low) // WIDTH * WIDTH
            for key in range(near, far, KEYS):
                count = min(KEYS, far - key)
                tiles, tile = (count + WIDTH - 1) // WIDTH, (key - low) // WIDTH
                g[: rows * step] = 0.0
                product(
                    grads, 0, wide, 1, turned, tile * x.width * WIDTH, WIDTH, x.width * WIDTH,
                    g, 0, step, rows, tiles, x.width,
                )  # fmt: skip
                if remade and few:
                    at = (x.key_plane[plane] * x.n_keys + key) * features
                    few_scores(form, a, n, x.key, at, w0 * features, p, step, count)
                elif remade:
                    at = (key - low) * features
                    score_tiles(form, a, rows, keys, at, tiles, w0 * features, p, step)
                for i in range(n):
                    if remade:
                        complete(x, plane, row + i, key, tiles, scale, p, i * step)
                    else:
                        _take_scores(x, scores, plane, row + i, key, tiles, p, i * step)
                    at = plane * x.n_queries + row + i
                    _differentiate(
                        x, plane, row + i, key, tiles, lse[at], inner[i], p, g, i * step,
                        gsums, key - low,
                    )  # fmt: skip
                    if len(sums.added):
                        for j in range(count):
                            sums.added[at * x.n_keys + key + j] += g[i * step + j]
                p[n * step : rows * step], g[n * step : rows * step] = 0.0, 0.0
                product(
                    p, 0, 1, step, grads, 0, wide, WIDTH,
                    dvalues, (key - low) * wide, wide, tiles * WIDTH, vectors, n,
                )  # fmt: skip
                dweight[:] = 0.0
                spread(
                    slopes, wing_a, rows, wings, drows, g, step, wing_keys, dkeys, key - low,
                    length, dweight, 0, count,
                )  # fmt: skip
                for d in range(wings):
                    sum_of_weight[d] += dweight[d]
            _add_rows(x, plane, row, n, drows, wings, slopes, w0 * wings, sums)
        _add_keys(x, plane, low, high, dkeys, gsums, slopes, w0 * wings, sums)
        _add_values(x, plane, low, high, dvalues, wide, sums)
        base = sums.weight_at + w0 * x.features
        for d in range(x.features):
            sums.weight[base + d] += sum_of_weight[d] * slopes.outward
