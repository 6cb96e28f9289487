"""Which form of the score is safe for the numbers of a call, and fastest.

Exponentials of sums of features grow fast: products of them must stay in the range of the floating-
point numbers, and the differences between weights above their rounding. Both are bounds that follow
from the lowest and highest number of each feature and the length of the weight, and cost one look
at query and key.
"""

from typing import NamedTuple

import numpy as np

from regard.engines.additive_numba.compiled import entry, kernel
from regard.engines.additive_numba.inputs import Form
from regard.engines.additive_numba.lanes import WIDTH
from regard.engines.additive_numba.scores import DIRECT, EIGHT, FOUR, ONE, RECTIFIER

LONGEST = 32.0
"""Weights v of more length are computed in float64: r is exact to 6e-8, the score to that times
‖v‖, and a weight of attention, relatively, to as much as the score."""

SHORTEST = 0.1
"""Sums q + k that are all below it are computed in float64 too: tanh, as a difference of 1 and 2 r,
is exact to 6e-8, which of such small numbers is too much."""

SMALLEST = 1e-9
"""Relative to the largest |v_d|: what is less is taken for this; float32 cannot tell them apart."""


class Forms(NamedTuple):
    """The form of the scores and that of their gradients."""

    scores: Form
    slopes: Form


class Extremes(NamedTuple):
    """The lowest and highest number of each feature of query and key, NaN passed over."""

    q_low: np.ndarray
    q_high: np.ndarray
    k_low: np.ndarray
    k_high: np.ndarray


@kernel
def _extremes(rows, features):
    low, high = np.full(features, np.inf, rows.dtype), np.full(features, -np.inf, rows.dtype)
    for i in range(len(rows) // features):
        for d in range(features):
            number = rows[i * features + d]
            low[d] = number if number < low[d] else low[d]
            high[d] = number if number > high[d] else high[d]
    return low.astype(np.float64), high.astype(np.float64)


@entry
def extremes(query, key, features):
    """``Extremes`` of flat query and key."""
    return Extremes(*_extremes(query, features), *_extremes(key, features))


def is_long(weight: np.ndarray, activation: str) -> bool:
    """Whether float32 is too coarse for scores of this weight, ``(weights, D)``."""
    if activation not in ("tanh", "sigmoid"):
        return False
    return not np.sqrt((weight * weight).sum(-1).max()) <= LONGEST


def are_short(found: Extremes, activation: str) -> bool:
    """Whether float32 is too coarse for the weight's gradient."""
    if activation not in ("tanh", "sigmoid"):
        return False
    return sum(max(-low.min(), high.max()) for low, high in (found[:2], found[2:])) < SHORTEST


def forms(
    found: Extremes, weight: np.ndarray, activation: str, slope: float, narrow: bool, few: bool
) -> Forms:
    """Forms for a weight ``(weights, D)`` of float64; ``narrow``: computed in float32."""
    dtype = np.zeros(0, np.float32 if narrow else np.float64)
    if activation in ("relu", "leaky_relu"):
        slope = slope if activation == "leaky_relu" else 0.0
        return Forms(*_rectified(weight, slope, few, dtype))
    return Forms(*_logistic(found, weight, activation == "tanh", few, dtype))


@kernel
def _dims(order, multiple):
    dims = np.full((len(order) + multiple - 1) // multiple * multiple, -1)
    dims[: len(order)] = order
    return dims


@kernel
def _form(kind, slope, order, multiple, center, weight, scale, tau, factor, outward, like):
    """A form with the features in this order, filled up to a multiple with features that weigh 1
    and whose a is 0: they add a constant to every score."""
    dims, count = _dims(order, multiple), len(weight)
    size = len(dims)
    middle, weights = np.zeros(size, like.dtype), np.zeros(count * size, like.dtype)
    constants, inward = np.ones(count * size, like.dtype), np.zeros(count * size, like.dtype)
    for i in range(size):
        dim = dims[i]
        if dim >= 0 and kind > DIRECT:
            middle[i] = center[dim]
        for row in range(count):
            number = weight[row, dim] if dim >= 0 else (0.0 if kind == RECTIFIER else 1.0)
            weights[row * size + i] = number
            constants[row * size + i] = tau / number if number != 0.0 else 1.0
            if dim >= 0:
                inward[row * size + i] = number * scale[row] * factor
    scales = scale * (tau if kind > ONE else 1.0)
    return Form(
        kind, slope, dims, middle, factor, weights, constants, scales, inward, outward,
        0.0 if kind == RECTIFIER else -0.25,
    )  # fmt: skip


@entry
def _rectified(weight, slope, few, like):
    order, ones = np.arange(weight.shape[1]), np.ones(len(weight))
    center, wide = np.zeros(weight.shape[1]), WIDTH if few else EIGHT
    return (
        _form(RECTIFIER, slope, order, wide, center, weight, ones, 1.0, 1.0, 1.0, like),
        _form(RECTIFIER, slope, order, WIDTH, center, weight, ones, 1.0, 1.0, 1.0, like),
    )


@kernel
def _dealt(bits, group):
    """An order in which groups of neighbours sum to about the same: dealt out, high to low."""
    order = np.argsort(-bits)
    if len(bits) % group:
        return np.arange(len(bits))
    hands, dealt = len(bits) // group, np.empty(len(bits), np.int64)
    for turn in range(group):
        for hand in range(hands):
            card = hand if turn % 2 == 0 else hands - 1 - hand
            dealt[hand * group + turn] = order[turn * hands + card]
    return dealt


@kernel
def _groups(group, above, below, order):
    """Over groups of features: the lowest and highest exponent of a product, for τ = 1."""
    lowest, highest = np.inf, -np.inf
    for row in range(len(below)):
        for first in range(0, len(order), group):
            least, most = 0.0, 0.0
            for d in order[first : first + group]:
                least += below[row, d]
                most += below[row, d] + above[d]
            lowest, highest = min(lowest, least), max(highest, most)
    return lowest, highest


@entry
def _logistic(found, weight, tanh, few, like):
    narrow = like.itemsize == 4
    # Exponents of 2 that products may reach, and of e that a single exponential may.
    product, single = (100.0, 80.0) if narrow else (900.0, 690.0)
    count, features = weight.shape
    factor, sign = (2.0, -2.0) if tanh else (1.0, -1.0)
    plain = np.arange(features)
    center, above, alone = np.zeros(features), np.zeros(features), np.zeros((2, features))
    peak, highest = (np.inf if len(found.q_low) < features else 0.0), 0.0
    for d in range(len(found.q_low) if peak == 0.0 else 0):
        middle = (found.k_low[d] + found.k_high[d]) / 2
        center[d] = middle if np.isfinite(middle) else 0.0
        low, high = found.q_low[d] + center[d], found.q_high[d] + center[d]
        side = max(abs(found.k_low[d] - center[d]), abs(found.k_high[d] - center[d]))
        peak = max(peak, factor * max(abs(low), abs(high), side))
        t = factor * (found.q_high[d] + found.k_high[d])
        above[d] = np.log2(1.0 + np.exp(t)) if t < 700.0 else t / np.log(2.0)
        highest = max(highest, above[d])
        alone[0, d], alone[1, d] = factor * low / np.log(2.0), factor * high / np.log(2.0)
    scale, relative = np.empty(count), np.empty((count, features))
    below, most = np.empty((count, features)), np.zeros(features)
    for row in range(count):
        largest = max(np.abs(weight[row]).max(), 1e-30)
        scale[row] = sign * largest
        for d in range(features):
            number = max(abs(weight[row, d]) / largest, SMALLEST)
            relative[row, d] = -number if weight[row, d] < 0 else number
            below[row, d] = -np.log2(number)
            most[d] = max(most[d], below[row, d])
    kind, order, tau = DIRECT, plain, 1.0
    slopes = DIRECT
    # A comparison with NaN is false: no form but the direct one.
    if peak <= single:
        if 4 * highest <= product:
            slopes = FOUR
        elif highest <= product:
            slopes = ONE
    if peak <= single and not few:
        if highest <= product:
            kind = ONE
        for group in (FOUR, EIGHT):
            dealt = _dealt(above + most, group)
            least, greatest = _groups(group, above, below, dealt)
            shift = -np.round((least + greatest) / (2 * group))
            # n is a sum of products that lack one feature, which may have been as small as τ.
            room = 1.21 * product - abs(shift)
            fits = group * shift + greatest <= room and group * shift + least >= -room
            lone_low = alone[0].min() + shift
            lone_high = (alone[1] + most).max() + shift
            if fits and lone_low >= -1.2 * product and lone_high <= 1.2 * product:
                kind, order, tau = group, dealt, 2.0**shift
    multiple = WIDTH if few else EIGHT
    return (
        _form(kind, 0.0, order, multiple, center, relative, scale, tau, factor, sign, like),
        _form(slopes, 0.0, plain, WIDTH, center, relative, scale, 1.0, factor, sign, like),
    )
