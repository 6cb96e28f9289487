"""Softmax, its limit for large scores, and the sigmoid in its place."""

import math
from typing import Any

import array_api_compat
import torch
from jaxtyping import Bool, Float

from regard.grid import Array, namespace
from regard.normalizers.normalizer import best, constant, hidden, may_be_any


def softmax(
    scores: Float[Array, "*batch Q K"],
    allowed: Bool[Array, "*#batch Q K"] | None,
    *,
    in_place: bool = False,
) -> Float[Array, "*batch Q K"]:
    """exp(z) / Σ exp(z).  Cost: O(Q·K).

    Args:
        scores, allowed: as for every normalizer.
        in_place: the weights may take the place of the scores, which are torch's and without a
            gradient.

    >>> import numpy
    >>> softmax(numpy.log([[1.0, 2.0, 5.0]]), numpy.array([[True, True, False]])).round(4)
    array([[0.3333, 0.6667, 0.    ]])
    """
    if allowed is None:
        return _softmax(scores, in_place=in_place)
    xp = namespace(scores)
    # Allowed scores may be as low as numbers go (people add the lowest number to hide a key), so
    # nothing but −∞ is below them all; and a row of −∞ is NaN in both passes, so it becomes zeros.
    low = hidden(scores, allowed, in_place=in_place)
    blind = best(low)[1]
    if not may_be_any(blind):
        return _softmax(low, in_place=in_place)
    return xp.where(blind, 0.0, _softmax(xp.where(blind, 0.0, low), in_place=in_place))


def _softmax(scores: Any, *, in_place: bool) -> Any:
    if isinstance(scores, torch.Tensor):
        return torch.softmax(scores, -1, out=scores) if in_place else torch.softmax(scores, -1)
    xp = namespace(scores)
    powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)


def hard(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """1 for the largest score, 0 for the others; of equals the first wins.

    Scores get no gradient (a step has none); values do.  Cost: O(Q·K).

    >>> import numpy
    >>> hard(numpy.array([[3.0, 7.0, 7.0]]), None)
    array([[0., 1., 0.]])
    """
    xp = namespace(scores)
    low = hidden(constant(scores), allowed)
    is_torch = isinstance(scores, torch.Tensor)
    device = scores.device if is_torch else array_api_compat.device(scores)
    places = xp.arange(scores.shape[-1], device=device)
    first = places == xp.argmax(low, axis=-1, keepdims=True)
    # In a row of nothing the first is no better than the others.
    chosen = first if allowed is None else first & ~best(low)[1]
    return xp.astype(chosen, scores.dtype)


def sigmoid(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """σ(z − log n), n how many keys the query sees: each key is judged by itself.

    Weights are not made to sum to 1; log n keeps their sum near 1 where scores are near 0.

    Source:  Ramapuram et al. 2024 (arXiv:2409.04431), §2 (b = −log n)
    Departs: n counts the keys that the mask lets the query see, so that padding changes nothing
    Cost:    O(Q·K)

    >>> import numpy
    >>> sigmoid(numpy.array([[0.0, 0.0, 9.0]]), numpy.array([[True, True, False]])).round(4)
    array([[0.3333, 0.3333, 0.    ]])
    """
    xp = namespace(scores)
    keys = scores.shape[-1]
    if allowed is None:
        return _logistic(xp, scores - math.log(max(keys, 1)))
    count = xp.sum(xp.astype(allowed, scores.dtype), axis=-1, keepdims=True)
    if allowed.shape[-1] == 1:
        count = count * keys
    seen = xp.where(allowed, scores, 0.0) - xp.log(xp.where(count == 0, 1.0, count))
    return xp.where(allowed, _logistic(xp, seen), 0.0)


def _logistic(xp: Any, x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return torch.sigmoid(x)
    small = xp.exp(-xp.abs(x))  # so written, nothing overflows
    return xp.where(x < 0, small, 1.0) / (1.0 + small)
