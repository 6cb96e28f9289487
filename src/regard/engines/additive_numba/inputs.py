"""What the kernels are given, and how a thread lays it out for itself."""

from typing import NamedTuple

import numpy as np

from regard.engines.additive_numba import FEW
from regard.engines.additive_numba.compiled import kernel
from regard.engines.additive_numba.exponential import exponential
from regard.engines.additive_numba.lanes import (
    WIDTH,
    full,
    load,
    multiply,
    store,
    subtract,
)
from regard.engines.additive_numba.product import ROWS
from regard.engines.additive_numba.scores import DIRECT, ONE


class Inputs(NamedTuple):
    """A call, flat. Plane n reads the arrays at ``*_plane[n]``, so nothing broadcast is copied.

    ``start`` and ``stop``, one a row of scores or one a plane (``span_step`` 0), are the keys that
    a query sees; ``added``, likewise, is a row of numbers for the scores, −∞ where it may not look.
    ``threshold`` is the probability of dropout times 2³².
    """

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    query_plane: np.ndarray
    key_plane: np.ndarray
    value_plane: np.ndarray
    weight_plane: np.ndarray
    n_queries: int
    n_keys: int
    features: int
    width: int
    spans: bool
    start: np.ndarray
    stop: np.ndarray
    span_plane: np.ndarray
    span_step: int
    biased: bool
    added: np.ndarray
    added_plane: np.ndarray
    added_step: int
    seed: int
    threshold: int
    grow: float


class Form(NamedTuple):
    """How scores are computed: a kind of ``scores``, and the numbers that go with it.

    ``dims`` is the order of the features (−1: none, to fill the last group up), ``center`` what is
    taken from each key and given to each query, ``factor`` t's. ``weight`` and ``constant``, flat
    ``(weights, D)`` in that order, are w and what a sum of fractions starts from; a score is
    ``scale[weights]`` times a tile's sum. For the sums of ``slopes``: ``inward``, as ``weight``, is
    what turns those of query and key into gradients, ``outward`` that of the weight; ``quarter``
    times Σ g is added to a key's before.
    """

    kind: int
    slope: float
    dims: np.ndarray
    center: np.ndarray
    factor: float
    weight: np.ndarray
    constant: np.ndarray
    scale: np.ndarray
    inward: np.ndarray
    outward: float
    quarter: float


@kernel
def space(numbers, like):
    """Memory that begins where a line of the cache does: a vector then lies in one line."""
    raw = np.empty(numbers + 64, like.dtype)
    begin = (-raw.ctypes.data % 64) // like.itemsize
    return raw[begin : begin + numbers]


@kernel
def visible(x, plane, row):
    """The run of keys that a query sees."""
    if not x.spans:
        return 0, x.n_keys
    at = x.span_plane[plane] + row * x.span_step
    start = max(x.start[at], 0)
    return start, max(min(x.stop[at], x.n_keys), start)


@kernel
def reach(x, plane, first, last):
    """The keys that any query of first … last − 1 sees, from the first to the last of them."""
    if not x.spans or x.span_step == 0:
        return visible(x, plane, first)
    low, high = x.n_keys, 0
    for row in range(first, last):
        start, stop = visible(x, plane, row)
        if start < stop:
            low, high = min(low, start), max(high, stop)
    return (low, high) if low < high else (0, 0)


@kernel
def mark_seen(x, plane, first, last, low, high, seen):
    """Mark the keys low … high − 1 that some query sees. What is not marked is never read."""
    if not x.spans or x.span_step == 0:
        seen[: high - low] = 1
        return
    steps = np.zeros(high - low + 1, np.int32)
    for row in range(first, last):
        start, stop = visible(x, plane, row)
        if start < stop:
            steps[start - low] += 1
            steps[stop - low] -= 1
    depth = 0
    for j in range(high - low):
        depth += steps[j]
        seen[j] = depth > 0


@kernel
def lay_keys(x, form, plane, low, high, seen, keys):
    """Keys as ``(tile, D, WIDTH)``, keys side by side: exponentials, or as they are."""
    features, base = len(form.dims), (x.key_plane[plane] * x.n_keys + low) * x.features
    tiles = (high - low + WIDTH - 1) // WIDTH
    for j in range(tiles * WIDTH):
        at = j // WIDTH * features * WIDTH + j % WIDTH
        if j >= high - low or not seen[j]:
            for d in range(features):
                keys[at + d * WIDTH] = 0.0
            continue
        for d in range(features):
            dim, number = form.dims[d], form.center[d]
            if dim >= 0:
                number = x.key[base + j * x.features + dim]
            keys[at + d * WIDTH] = (number - form.center[d]) * form.factor
    if form.kind > DIRECT:
        for at in range(0, tiles * features * WIDTH, WIDTH):
            store(keys, at, exponential(keys, load(keys, at)))


@kernel
def lay_slices(x, form, plane, low, high, seen, keys):
    """Keys as ``(slice, key, WIDTH)``, features side by side: exponentials, or as they are."""
    features, base = len(form.dims), (x.key_plane[plane] * x.n_keys + low) * x.features
    length = (high - low + WIDTH - 1) // WIDTH * WIDTH
    factor = full(keys, form.factor)
    for d in range(0, features, WIDTH):
        center = load(form.center, d)
        for j in range(length):
            at, here = (d // WIDTH * length + j) * WIDTH, base + j * x.features + d
            if j >= high - low or not seen[j]:
                store(keys, at, full(keys, 0.0))
                continue
            if d + WIDTH <= x.features:
                store(keys, at, load(x.key, here))
            else:
                store(keys, at, center)
                for lane in range(x.features - d):
                    keys[at + lane] = x.key[here + lane]
            number = multiply(subtract(load(keys, at), center), factor)
            store(keys, at, exponential(keys, number) if form.kind > DIRECT else number)


@kernel
def lay_queries(x, form, plane, first, last, scaled, a):
    """Queries as ``(rows, D)``: exponentials, or as they are; times the constant if ``scaled``."""
    features, base = len(form.dims), x.query_plane[plane] * x.n_queries * x.features
    count = (last - first + ROWS - 1) // ROWS * ROWS
    a[: count * features] = 0.0
    for row in range(first, last):
        start, stop = visible(x, plane, row)
        if start >= stop:
            continue  # a query that sees nothing may hold anything
        for d in range(features):
            if form.dims[d] >= 0:
                number = x.query[base + row * x.features + form.dims[d]] + form.center[d]
                a[(row - first) * features + d] = number * form.factor
    if form.kind < ONE:
        return
    for at in range(0, count * features, WIDTH):
        store(a, at, exponential(a, load(a, at)))
    w0 = x.weight_plane[plane] * features
    for i in range(count):
        for d in range(features):
            factor = form.constant[w0 + d] if scaled else 1.0
            a[i * features + d] *= factor if form.dims[d] >= 0 else 0.0


@kernel
def lay_values(x, plane, low, high, seen, wide, values):
    """Values as ``(key, wide)``, filled up with zeros; zeros for what nobody sees."""
    base = (x.value_plane[plane] * x.n_keys + low) * x.width
    whole = x.width // WIDTH * WIDTH
    for j in range((high - low + WIDTH - 1) // WIDTH * WIDTH):
        if j >= high - low or not seen[j]:
            values[j * wide : (j + 1) * wide] = 0.0
            continue
        for d in range(0, whole, WIDTH):
            store(values, j * wide + d, load(x.value, base + j * x.width + d))
        for d in range(whole, wide):
            values[j * wide + d] = x.value[base + j * x.width + d] if d < x.width else 0.0


@kernel
def as_they_are(x):
    """Whether values need not be laid out: none is hidden among those that are seen."""
    return x.width % WIDTH == 0 and (not x.spans or x.span_step == 0 or x.n_queries == 1)


@kernel
def are_few(x, form):
    """Whether keys need not be laid out either: see ``scores.few_scores``."""
    return x.n_queries <= FEW and len(form.dims) == x.features and form.kind <= DIRECT


@kernel
def draw_key(x, plane, row):
    """A number of a row's own, from the seed, for drawing which of its weights are dropped."""
    mixed = np.uint64(x.seed) ^ np.uint64(plane * x.n_queries + row + 1)
    for _ in range(2):  # the finaliser of splitmix64
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(mixed ^ (mixed >> np.uint64(31)))
