"""How do scores become weights?  Each is a function of scores and of what is allowed.

A normalizer takes scores ``(…, Q, K)`` of whole rows and ``allowed`` (booleans that broadcast to
them, or None: everything) and gives weights of the same shape: 0 where not allowed, and all 0 in
a row where nothing is. What scores hold where they are not allowed changes nothing.

A function of your own gets 0 for scores that are not allowed, and its weights there are set to 0.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import array_api_compat
import torch
from jaxtyping import Bool, Float

from regard.errors import KindError, UnknownName
from regard.grid import Array

FAR_BELOW = -1e4
"""This much below a row's best, exp is 0 in every dtype; rows of nothing else stay finite."""

Normalizer: TypeAlias = Callable[[Any, Any], Any]


def softmax(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """exp(z) / Σ exp(z).  Cost: O(Q·K).

    >>> import numpy
    >>> softmax(numpy.log([[1.0, 2.0, 5.0]]), numpy.array([[True, True, False]])).round(4)
    array([[0.3333, 0.6667, 0.    ]])
    """
    if isinstance(scores, torch.Tensor):
        weights = torch.softmax(_below_the_best(scores, allowed), -1)
    else:
        xp = array_api_compat.array_namespace(scores)
        shifted = _below_the_best(scores, allowed)
        powers = xp.exp(shifted - xp.max(shifted, axis=-1, keepdims=True))
        weights = powers / xp.sum(powers, axis=-1, keepdims=True)
    return _only(weights, allowed)


def sparsemax(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """max(z − τ, 0), the Euclidean projection of the scores onto the simplex; many weights are 0.

    Source:  Martins and Astudillo 2016 (arXiv:1602.02068), Algorithm 1
    Departs: none
    Cost:    O(Q·K log K), for the sort

    >>> import numpy
    >>> sparsemax(numpy.array([[1.0, 0.8, -1.0]]), None)
    array([[0.6, 0.4, 0. ]])
    """
    xp = array_api_compat.array_namespace(scores)
    shifted = _below_the_best(scores, allowed)
    shifted = shifted - _constant(xp.max(shifted, axis=-1, keepdims=True))
    # What lies more than 1 below the largest is never in the support; -2 keeps sums in range.
    falling = xp.sort(_constant(xp.where(shifted > -2, shifted, -2.0)), axis=-1, descending=True)
    ranks = xp.arange(1, scores.shape[-1] + 1, dtype=scores.dtype, device=_device(scores))
    size = xp.sum(
        xp.astype(1 + ranks * falling > xp.cumulative_sum(falling, axis=-1), scores.dtype),
        axis=-1,
        keepdims=True,
    )
    # The support found, τ is a mean over it: the plain formula has the right gradient.
    last = xp.take_along_axis(falling, xp.astype(size, xp.int64) - 1, axis=-1)
    inside = ~(shifted < last)  # so written, NaN is inside, and is told
    total = xp.sum(xp.where(inside, shifted, 0.0), axis=-1, keepdims=True)
    count = xp.sum(xp.astype(inside, scores.dtype), axis=-1, keepdims=True)
    weights = xp.where(inside, shifted - (total - 1) / count, 0.0)
    return _only(xp.where(weights < 0, 0.0, weights), allowed)


def hard(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """1 for the largest score, 0 for the others; of equals the first wins.

    Scores get no gradient (a step has none); values do.  Cost: O(Q·K).

    >>> import numpy
    >>> hard(numpy.array([[3.0, 7.0, 7.0]]), None)
    array([[0., 1., 0.]])
    """
    xp = array_api_compat.array_namespace(scores)
    best = xp.argmax(_below_the_best(_constant(scores), allowed), axis=-1, keepdims=True)
    places = xp.arange(scores.shape[-1], device=_device(scores))
    return _only(xp.astype(places == best, scores.dtype), allowed)


NORMALIZERS: dict[str, Normalizer] = {"softmax": softmax, "sparsemax": sparsemax, "hard": hard}


def named(normalizer: Normalizer | str) -> Normalizer:
    """The normalizer that a name stands for; functions pass.

    Raises:
        UnknownName: no normalizer is called so; the message lists the names.
        KindError: neither a name nor a function.
    """
    if isinstance(normalizer, str):
        if normalizer not in NORMALIZERS:
            raise UnknownName(
                f"no normalizer is called {normalizer!r}; the normalizers are "
                f"{', '.join(NORMALIZERS)}, or a function of scores and allowed"
            )
        return NORMALIZERS[normalizer]
    if not callable(normalizer):
        raise KindError(
            "normalizer is a name or a function of scores (…, Q, K) and allowed (booleans or "
            f"None); {normalizer!r} is neither"
        )
    return normalizer


def _below_the_best(scores: Any, allowed: Any) -> Any:
    """Scores less the largest that is allowed in their row; far below it where not allowed."""
    if allowed is None:
        return scores
    xp = array_api_compat.array_namespace(scores)
    # Allowed scores may be as low as numbers go (people add the lowest number to hide a key), so
    # no filling is low enough unless the row's best is brought to 0 first.
    best = xp.max(xp.where(allowed, _constant(scores), -math.inf), axis=-1, keepdims=True)
    best = xp.where(best == -math.inf, 0.0, best)
    return xp.where(allowed, scores - best, FAR_BELOW)


def _only(weights: Any, allowed: Any) -> Any:
    xp = array_api_compat.array_namespace(weights)
    return weights if allowed is None else xp.where(allowed, weights, 0.0)


def _constant(array: Any) -> Any:
    return array.detach() if isinstance(array, torch.Tensor) else array


def _device(array: Any) -> Any:
    return array_api_compat.device(array)
