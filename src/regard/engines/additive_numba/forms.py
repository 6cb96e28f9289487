"""Which form of the score is safe for the numbers of a call, and fastest.

Exponentials of sums of features grow fast: products of them must stay in the range of the floating-
point numbers, and the differences between weights above their rounding. Both are bounds that follow
from the lowest and highest number of each feature and the length of the weight, and cost one look
at query and key.
"""

from typing import Any, NamedTuple

import numpy as np

from regard.engines.additive_numba.compiled import entry
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
"""Relative to the largest |v_d|: what is less is taken for this, which float32 cannot tell apart."""


class Limits(NamedTuple):
    """Exponents of 2 that products may reach, and of e that a single exponential may."""

    product: float
    single: float


LIMITS = {np.dtype(np.float32): Limits(100.0, 80.0), np.dtype(np.float64): Limits(900.0, 690.0)}


class Forms(NamedTuple):
    """The form of the scores and that of their gradients."""

    scores: Form
    slopes: Form


def is_delicate(
    query: np.ndarray, key: np.ndarray, weight: np.ndarray, activation: str
) -> bool:
    """Whether float32 is too coarse for 1 − 2 r, or 1 − r."""
    if activation not in ("tanh", "sigmoid"):
        return False
    if not (np.linalg.norm(weight, axis=-1) <= LONGEST).all():
        return True
    sizes = [max(abs(part).max() for part in extremes(rows, weight.shape[-1])) for rows in (query, key)]
    return sum(sizes) < SHORTEST


@entry
def _extremes(rows: Any, features: Any, low: Any, high: Any) -> None:
    for i in range(len(rows) // features):
        for d in range(features):
            number = rows[i * features + d]
            low[d] = number if number < low[d] else low[d]
            high[d] = number if number > high[d] else high[d]


def extremes(rows: np.ndarray, features: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest number of each feature, NaN passed over."""
    low, high = np.full(features, np.inf, rows.dtype), np.full(features, -np.inf, rows.dtype)
    _extremes(rows, features, low, high)
    return low.astype(np.float64), high.astype(np.float64)


def forms(
    query: np.ndarray, key: np.ndarray, weight: np.ndarray, activation: str, slope: float
) -> Forms:
    """Forms for flat query and key and ``weight``, ``(weights, D)``."""
    features, dtype = weight.shape[-1], key.dtype
    if activation in ("relu", "leaky_relu"):
        slope = slope if activation == "leaky_relu" else 0.0
        make = lambda width: _form(RECTIFIER, np.arange(features), width, weight, slope, dtype)  # noqa: E731
        return Forms(make(8), make(WIDTH))
    factor, inward = (2.0, 4.0) if activation == "tanh" else (1.0, 1.0)
    q_low, q_high = extremes(query, features)
    k_low, k_high = extremes(key, features)
    center = np.where(np.isfinite(k_low + k_high), k_low + k_high, 0.0) / 2
    single = factor * np.maximum.reduce(
        [abs(q_low + center), abs(q_high + center), abs(k_low - center), abs(k_high - center)]
    )
    with np.errstate(over="ignore"):
        above = np.logaddexp2(0.0, factor * (q_high + k_high) / np.log(2))
    largest = np.maximum(abs(weight).max(-1, keepdims=True), np.finfo(dtype).tiny)
    relative = weight / largest
    clamped = np.where(relative < 0, -1.0, 1.0) * np.maximum(abs(relative), SMALLEST)
    scale = (-factor if activation == "tanh" else -1.0) * largest[:, 0]
    parts = _Parts(center, factor, clamped, scale, inward, dtype)
    limits = LIMITS[dtype]
    if not (single <= limits.single).all():
        return Forms(parts.form(DIRECT, features, 8), parts.form(DIRECT, features, WIDTH))
    highest = above.max(initial=0.0)
    slopes = FOUR if 4 * highest <= limits.product else ONE if highest <= limits.product else DIRECT
    alone = factor * np.stack([q_low + center, q_high + center]) / np.log(2)
    return Forms(_scores(parts, above, alone, limits), parts.form(slopes, features, WIDTH))


class _Parts(NamedTuple):
    center: np.ndarray
    factor: float
    weight: np.ndarray
    scale: np.ndarray
    inward: float
    dtype: Any

    def form(self, kind: int, features: int, multiple: int, order: Any = None, tau: float = 1.0) -> Form:
        order = np.arange(features) if order is None else order
        dims = np.full(-(-len(order) // multiple) * multiple, -1)
        dims[: len(order)] = order
        real = dims >= 0
        # A feature that only fills a group up has weight 1 and a = 0: it adds a constant.
        weight = np.where(real, self.weight[:, dims], 1.0)
        direct = kind == DIRECT
        center = np.where(real & (not direct), self.center[dims], 0.0)
        inward = -self.scale[:, None] * self.factor * np.where(real, self.weight[:, dims], 0.0)
        return Form(
            kind, 0.0, dims, center.astype(self.dtype), self.factor,
            weight.astype(self.dtype).reshape(-1), (tau / weight).astype(self.dtype).reshape(-1),
            self.scale * (tau if kind > 1 else 1.0), inward.astype(self.dtype).reshape(-1),
            -2.0 if self.factor == 2.0 else -1.0,
        )  # fmt: skip


def _form(kind: int, order: Any, multiple: int, weight: np.ndarray, slope: float, dtype: Any) -> Form:
    dims = np.full(-(-len(order) // multiple) * multiple, -1)
    dims[: len(order)] = order
    padded = np.where(dims >= 0, weight[:, dims], 0.0).astype(dtype).reshape(-1)
    zeros = np.zeros(len(dims), dtype)
    return Form(
        kind, slope, dims, zeros, 1.0, padded, padded, np.ones(len(weight)), padded, 1.0
    )


def _scores(parts: _Parts, above: np.ndarray, alone: np.ndarray, limits: Limits) -> Form:
    """Scores by groups of eight features, or four, or one by one: the largest groups that fit.

    Exponents of 2 of each feature: ``above``, the largest 1 + ab; ``alone``, the least and the
    largest a.
    """
    below = -np.log2(abs(parts.weight))
    features = len(above)
    for group in (EIGHT, FOUR):
        order = _dealt(above + below.max(0), group)
        if features % group:
            order = np.arange(features)
        padded = np.zeros((2, len(below), -(-features // group) * group))
        padded[0, :, :features] = below[:, order]
        padded[1, :, :features] = below[:, order] + above[order]
        sums = padded.reshape(2, len(below), -1, group).sum(-1)
        tau = -round((sums[0].min() + sums[1].max()) / (2 * group))
        highest, lowest = group * tau + sums[1].max(), group * tau + sums[0].min()
        lone = (alone[0].min() + tau, (alone[1] + below).max() + tau)
        fits = highest <= limits.product and lowest >= -limits.product
        if fits and lone[0] >= -1.2 * limits.product and lone[1] <= 1.2 * limits.product:
            return parts.form(group, features, 8, order, 2.0**tau)
    if above.max(initial=0.0) <= limits.product:
        return parts.form(ONE, features, 8)
    return parts.form(DIRECT, features, 8)


def _dealt(bits: np.ndarray, group: int) -> np.ndarray:
    """An order in which groups of neighbours sum to about the same: dealt out, high to low."""
    if len(bits) % group:
        return np.arange(len(bits))
    hands = np.argsort(-bits).reshape(group, -1)
    hands[1::2] = hands[1::2, ::-1]
    return hands.T.reshape(-1)
