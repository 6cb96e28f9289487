"""Sparsemax and entmax: weights of which many are exactly 0.

Both are w = max((α − 1) z − τ, 0)^(1/(α − 1)) with the τ at which they sum to 1: sparsemax is
α = 2, entmax15 α = 1.5, and softmax what remains as α → 1. Their gradient is one formula too
(Peters et al. 2019, §3): with s = w^(2−α) where w > 0 and 0 elsewhere,
J v = s (v − ⟨s, v⟩ / Σ s). So nothing but the weights is kept for the backward pass.

τ is sought by Newton's method on Σ w(τ) − 1, which is convex and falls: from below it climbs to the
root and never beyond, and it has arrived when it climbs no more. Fewer than ten rounds of
elementwise work take the place of a sort: at 8,192 keys that is 8 to 15 times faster.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float

from regard.grid import Array, namespace
from regard.normalizers.normalizer import best, hidden

FEW = 256
"""Rows so short are searched as they are; of longer ones a sixteenth first."""


def sparsemax(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """max(z − τ, 0), the Euclidean projection of the scores onto the simplex; many weights are 0.

    Source:  Martins and Astudillo 2016 (arXiv:1602.02068), eq. 1–3
    Departs: τ is found by Newton's method and not by sorting (their Algorithm 1): the same number
    Cost:    O(Q·K) a round of the search, some ten rounds; the weights are kept for backward

    >>> import numpy
    >>> sparsemax(numpy.array([[1.0, 0.8, -1.0]]), None).round(8)
    array([[0.6, 0.4, 0. ]])
    """
    return _entmax(scores, allowed, 2.0)


def entmax15(
    scores: Float[Array, "*batch Q K"], allowed: Bool[Array, "*#batch Q K"] | None
) -> Float[Array, "*batch Q K"]:
    """max(z/2 − τ, 0)², 1.5-entmax: between softmax and sparsemax; many weights are 0.

    Source:  Peters, Niculae and Martins 2019 (arXiv:1905.05702), §3 and Algorithm 2
    Departs: τ is found by Newton's method and not by sorting (their Algorithm 2): the same number
    Cost:    O(Q·K) a round of the search, some ten rounds; the weights are kept for backward

    >>> import numpy
    >>> entmax15(numpy.array([[2.0, 2.0, -1.0]]), None).round(8)
    array([[0.5, 0.5, 0. ]])
    """
    return _entmax(scores, allowed, 1.5)


def _entmax(scores: Any, allowed: Any, alpha: float) -> Any:
    xp = namespace(scores)
    dtype = scores.dtype
    if xp.finfo(dtype).bits == 16:  # sums over many keys have no room in a half
        scores = xp.astype(scores, xp.float32)
    if isinstance(scores, torch.Tensor):
        if allowed is not None:
            scores, allowed = torch.broadcast_tensors(scores, allowed)
        weights: Any = _Entmax.apply(scores, allowed, alpha)
    else:
        weights = _forward(scores, allowed, alpha)
    return xp.astype(weights, dtype, copy=False)


class _Entmax(torch.autograd.Function):
    """``_forward`` with the formula of its gradient."""

    @staticmethod
    def forward(scores: Any, allowed: Any, alpha: float) -> Any:
        return _forward(scores, allowed, alpha)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)
        ctx.alpha = inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (weights,) = ctx.saved_tensors
        return _times_jacobian(weights, gradients[0], ctx.alpha), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        (weights,) = ctx.saved_tensors
        return _times_jacobian(weights, tangents[0], ctx.alpha)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> Any:
        scores, allowed, alpha = inputs
        # Rows know nothing of each other, so another dimension of them changes nothing.
        if in_dims[0] != 0:
            scores = (
                scores.expand(info.batch_size, *scores.shape)
                if in_dims[0] is None
                else scores.movedim(in_dims[0], 0)
            )
        if allowed is not None and in_dims[1] is not None:
            allowed = allowed.movedim(in_dims[1], 0)
        return _Entmax.apply(scores, allowed, alpha), 0


def _times_jacobian(weights: Any, vector: Any, alpha: float) -> Any:
    inside = weights > 0
    if alpha == 2.0:
        slope = inside.to(weights.dtype)
    else:
        # Where the weight is 0 the root of 1 is taken: that of 0 has no second derivative.
        slope = torch.where(inside, torch.where(inside, weights, 1.0).sqrt(), 0.0)
    # A row that sees nothing has no slope at all; 1 keeps it from 0/0.
    total = slope.sum(-1, keepdim=True)
    total = torch.where(total == 0, 1.0, total)
    # Not slope · vector outside of the support: the vector may hold anything there.
    pulled = torch.where(inside, slope * vector, 0.0)
    return pulled - slope * (pulled.sum(-1, keepdim=True) / total)


def _forward(scores: Any, allowed: Any, alpha: float) -> Any:
    xp = namespace(scores)
    low = hidden(scores, allowed)
    largest, blind = best(low)
    low = (low - xp.where(blind, 0.0, largest)) * (alpha - 1)
    excess = _excess(low, _threshold(low, alpha))
    return excess if alpha == 2.0 else excess * excess


def _threshold(low: Any, alpha: float) -> Any:
    """τ of rows whose largest number is 0, ``(…, Q, 1)``."""
    xp = namespace(low)
    keys = low.shape[-1]
    if keys <= FEW:
        start = xp.full_like(low[..., :1], -1.0)
    else:
        # The τ of some of the keys is below that of all; the largest of each sixteen are close.
        groups = keys // 16
        some = xp.reshape(low[..., : groups * 16], (*low.shape[:-1], 16, groups))
        start = _threshold(xp.max(some, axis=-2), alpha)
    return _climbed(low, start, alpha)


def _climbed(low: Any, tau: Any, alpha: float) -> Any:
    xp = namespace(low)
    place = None
    while True:
        place = _excess(low, tau, place)
        total, slope = _sums(place, alpha)
        # Rows that see nothing have no slope; NaN is not above anything, and stays to be told.
        higher = tau + (total - 1) / xp.where(slope > 0, slope, 1.0)
        climbs = higher > tau
        if not xp.any(climbs):
            return tau
        tau = xp.where(climbs, higher, tau)


def _sums(excess: Any, alpha: float) -> tuple[Any, Any]:
    """Σ w and how fast it falls with τ; ``excess`` is used up."""
    xp = namespace(excess)
    total = xp.sum(excess, axis=-1, keepdims=True)
    if isinstance(excess, torch.Tensor):
        excess = excess.sign_() if alpha == 2.0 else excess.square_()
    else:
        excess = xp.sign(excess) if alpha == 2.0 else excess * excess
    other = xp.sum(excess, axis=-1, keepdims=True)
    return (total, other) if alpha == 2.0 else (other, 2 * total)


def _excess(low: Any, tau: Any, place: Any = None) -> Any:
    """max(z − τ, 0), in a fresh array, or in a place that torch may use again."""
    if isinstance(low, torch.Tensor):
        return torch.sub(low, tau, out=place).clamp_(min=0)
    xp = namespace(low)
    above = low - tau
    return xp.where(above < 0, 0.0, above)
