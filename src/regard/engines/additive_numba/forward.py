"""The forward pass of a run of rows: what each thread computes.

Rows (plane, query) are numbered through; a thread takes a run of them. For each plane it lays the
keys out once, then walks over its queries in blocks, and for each block over the keys that it may
see. A block's scores exist, in the processor's nearest memory.
"""

import numpy as np

from regard.engines.additive_numba.compiled import entry, kernel
from regard.engines.additive_numba.exponential import exponential
from regard.engines.additive_numba.inputs import (
    are_few,
    as_they_are,
    draw_key,
    lay_keys,
    lay_queries,
    lay_values,
    mark_seen,
    reach,
    space,
    visible,
)
from regard.engines.additive_numba.lanes import (
    WIDTH,
    add,
    full,
    largest,
    load,
    multiply,
    store,
    subtract,
    total,
    where_drawn,
    where_less,
    where_within,
)
from regard.engines.additive_numba.product import ROWS, product
from regard.engines.additive_numba.scores import few_scores, score_tiles

BLOCK = 64
"""Queries of a block."""

KEYS = 128
"""Keys whose scores a block holds at a time."""


@kernel
def complete(x, plane, row, first, tiles, scale, s, at):
    """A row's sums become scores: scaled, the bias added, −∞ where the query may not look.

    Gives the largest.
    """
    start, stop = visible(x, plane, row)
    factor, nothing = full(s, scale), full(s, -np.inf)
    most = nothing
    bias = (x.added_plane[plane] + row * x.added_step) * x.n_keys if x.biased else 0
    for tile in range(tiles):
        here, key = at + tile * WIDTH, first + tile * WIDTH
        score = multiply(load(s, here), factor)
        if x.biased:
            score = add(score, load(x.added, bias + key))
        if key < start or key + WIDTH > stop:
            score = where_within(key, start, stop, score, nothing)
        store(s, here, score)
        most = where_less(most, score, score, most)
    return largest(most)


@kernel
def soften(x, plane, row, first, tiles, s, at, peak):
    """A row's scores become powers exp(s − peak), and those that are dropped 0.

    Gives their sum, before any was dropped.
    """
    shift, sums = full(s, peak), full(s, 0.0)
    lost, grow = full(s, 0.0), full(s, x.grow)
    key = draw_key(x, plane, row) if x.threshold else 0
    for tile in range(tiles):
        here = at + tile * WIDTH
        power = exponential(s, subtract(load(s, here), shift))
        sums = add(sums, power)
        if x.threshold:
            drawn = multiply(power, grow)
            power = where_drawn(key, first + tile * WIDTH, x.threshold, lost, drawn)
        store(s, here, power)
    return total(sums)


@kernel
def keep_scores(s, at, tiles, scores, place, last):
    """Write a row's scores down, those up to ``last``."""
    for tile in range(tiles):
        here, there = at + tile * WIDTH, place + tile * WIDTH
        if tile * WIDTH + WIDTH <= last:
            store(scores, there, load(s, here))
        else:
            for lane in range(last - tile * WIDTH):
                scores[there + lane] = s[here + lane]


@entry
def forward(x, form, first, last, output, lse, scores):
    """Output and log-sum-exp of the rows first … last − 1; their scores too, if there is room."""
    features, vectors = len(form.dims), (x.width + WIDTH - 1) // WIDTH
    wide, step = vectors * WIDTH, KEYS + WIDTH
    few, bare = are_few(x, form), as_they_are(x)
    keys = space(0 if few else (x.n_keys + WIDTH) * features, x.key)
    room = space(0 if bare else (x.n_keys + WIDTH) * wide, x.key)
    seen = np.empty(x.n_keys + 1, np.uint8)
    a, s = space(BLOCK * features + WIDTH, x.key), space(BLOCK * step, x.key)
    sums = space(BLOCK * wide, x.key)
    peak, mass = space(BLOCK, x.key), space(BLOCK, x.key)
    while first < last:
        plane = first // x.n_queries
        begin = first - plane * x.n_queries
        end = min(x.n_queries, begin + last - first)
        first += end - begin
        low, high = reach(x, plane, begin, end)
        mark_seen(x, plane, begin, end, low, high, seen)
        if not few:
            lay_keys(x, form, plane, low, high, seen, keys)
        values, value0 = x.value, (x.value_plane[plane] * x.n_keys + low) * x.width
        if not bare:
            lay_values(x, plane, low, high, seen, wide, room)
            values, value0 = room, 0
        scale, w0 = form.scale[x.weight_plane[plane]], x.weight_plane[plane] * features
        for row in range(begin, end, BLOCK):
            n = min(BLOCK, end - row)
            rows = (n + ROWS - 1) // ROWS * ROWS
            lay_queries(x, form, plane, row, row + n, form.kind > 1, a)
            peak[:], mass[:], sums[: rows * wide], s[n * step : rows * step] = -np.inf, 0, 0, 0
            near, far = reach(x, plane, row, row + n)
            near = low + (near - low) // WIDTH * WIDTH
            for key in range(near, far, KEYS):
                tiles = (min(KEYS, far - key) + WIDTH - 1) // WIDTH
                count = min(KEYS, far - key)
                if few:
                    at = (x.key_plane[plane] * x.n_keys + key) * features
                    few_scores(form, a, n, x.key, at, w0, s, step, count)
                else:
                    score_tiles(form, a, rows, keys, (key - low) * features, tiles, w0, s, step)
                for i in range(n):
                    best = complete(x, plane, row + i, key, tiles, scale, s, i * step)
                    if len(scores):
                        place = (plane * x.n_queries + row + i) * x.n_keys + key
                        keep_scores(s, i * step, tiles, scores, place, far - key)
                    best = max(best, peak[i])
                    shrink = np.exp(peak[i] - best) if mass[i] > 0.0 else 0.0
                    if peak[i] < best:
                        mass[i] *= shrink
                        for d in range(wide):
                            sums[i * wide + d] *= shrink
                    peak[i] = best
                    shift = best if best > -np.inf else 0.0
                    mass[i] += soften(x, plane, row + i, key, tiles, s, i * step, shift)
                product(
                    s, 0, step, 1, values, value0 + (key - low) * wide, wide, WIDTH,
                    sums, 0, wide, rows, vectors, count,
                )  # fmt: skip
            for i in range(n):
                at = plane * x.n_queries + row + i
                # A row that sees nothing: zeros, and +∞, so that exp(s − lse) is 0 behind it.
                blind = mass[i] == 0.0
                for d in range(x.width):
                    output[at * x.width + d] = 0.0 if blind else sums[i * wide + d] / mass[i]
                lse[at] = np.inf if blind else peak[i] + np.log(mass[i])
