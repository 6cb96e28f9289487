"""Monotonic attention: a walk over the keys that never goes back, in expectation or in fact."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import RangeError, ShapeError
from regard.grid import shape_text
from regard.nn.recurrent import RecurrentAlignment, nothing_read
from regard.nn.source import Source


class MonotonicState(NamedTuple):
    """The weights of the last step, ``(B, K)``: how likely the walk stands at each key; a single 1
    where it is hard, and all 0 once it has walked past the end."""

    weights: Tensor


class MonotonicAttention(RecurrentAlignment):
    """Attention that walks over the keys from left to right and stops at one of them each step.

        e_tj = g vᵀ/‖v‖ tanh(W s_t + U h_j + b) + r
        p_tj = σ(e_tj + ε),   ε ~ N(0, noise²) in training
        α_tj = p_tj ((1 − p_t,j−1) α_t,j−1 / p_t,j−1 + α_t−1,j)

    In training (``hard=False``) α is the expectation of the walk. In evaluation (``hard=True``) the
    walk is made: from the key where the last step stopped, to the first with p > ½, whose value is
    the context. It begins at the first key. Where it finds none, the context is 0, and so it is in
    all later steps: the walk has left the source.

    Source:  Raffel, Luong, Liu, Weiss, Eck 2017 (arXiv:1704.00784), §2.2 (hard), eq. 9–14
             (expectation), §2.4 (energy), §2.5 (noise; the threshold ½)
    Departs: the paper computes α by cumulative products (App. C.1), which loses all mass on long
             sources; here it is the recurrence itself (``monotonic_alignment``). In evaluation the
             energies of all keys are computed, not of those that are walked over alone.
    Cost:    O(T·K·(D + log K)) time for T steps, O(T·K) memory; the keys are projected once

    Args:
        query_features: E, features of s.
        key_features: F, features of h; None: E.
        features: D; None: E.
        offset: r at the beginning of training; the lower, the further the walk looks at first.
        noise: the standard deviation of ε; makes energies large, so that p is near 0 or 1.
        hard: whether to walk instead of computing the expectation; None: in evaluation alone.

    Raises:
        RangeError: a noise that is negative, infinite or NaN.

    >>> layer = MonotonicAttention(4, 6).eval()
    >>> source, state = layer.begin(torch.randn(2, 7, 6), lengths=torch.tensor([7, 3]))
    >>> context, weights, state = layer.step(torch.randn(2, 4), source, state)
    >>> context.shape, weights.shape
    (torch.Size([2, 6]), torch.Size([2, 7]))
    >>> layer.train()(torch.randn(2, 5, 4), torch.randn(2, 7, 6)).shape
    torch.Size([2, 5, 6])
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        features: int | None = None,
        offset: float = -1.0,
        noise: float = 1.0,
        hard: bool | None = None,
    ) -> None:
        super().__init__("normalized_additive", query_features, key_features, features)
        if not 0 <= noise < math.inf:
            raise RangeError(f"noise is a standard deviation, ≥ 0 and finite, and it is {noise}")
        nn.init.constant_(self.score.offset, offset)
        self.noise, self.hard = noise, hard

    def first(self, source: Source) -> MonotonicState:
        start = nothing_read(source)
        start[:, :1] = 1.0
        return MonotonicState(start)

    def align(
        self, query: Float[Tensor, "B T D"], source: Source, state: MonotonicState
    ) -> tuple[Float[Tensor, "B T K"], MonotonicState]:
        rows = monotonic_alignments(self._choose(query, source), state.weights)
        return rows, MonotonicState(rows[:, -1] if rows.shape[1] else state.weights)

    def _choose(self, query: Tensor, source: Source) -> Float[Tensor, "B T K"]:
        """p, or where the walk is hard, whether p > ½."""
        energy = self.weigh(query, source.key, source, _as_they_are)
        places = torch.arange(energy.shape[-1], device=energy.device)
        padded = (places >= source.lengths[:, None])[:, None]
        hard = not self.training if self.hard is None else self.hard
        if hard:
            chosen = (energy > 0).to(energy.dtype)
        else:
            if self.training and self.noise:
                energy = energy + self.noise * torch.randn_like(energy)
            chosen = torch.sigmoid(energy)
        return chosen.masked_fill(padded, 0.0)


def monotonic_alignment(
    choose: Float[Tensor, "*batch K"], previous: Float[Tensor, "*batch K"]
) -> Float[Tensor, "*batch K"]:
    """The expected alignment of one step, from that of the step before.

        α_j = p_j q_j,   q_j = (1 − p_{j−1}) q_{j−1} + α'_j,   q_0 = p_0 = 0

    q_j is how likely the walk comes to key j, so nothing here is larger than 1 and nothing is
    divided: p may be 0 or 1, in both passes. Mass that stops nowhere is lost past the end.

    Source:  Raffel et al. 2017 (arXiv:1704.00784), eq. 13–14
    Departs: none
    Cost:    O(K log K) time in log K rounds, O(K) memory

    Args:
        choose: p, how likely the walk stops at a key that it comes to, 0 ≤ p ≤ 1.
        previous: α', the alignment of the step before; 1 at the first key before the first step.

    Raises:
        ShapeError: the two do not fit.

    >>> monotonic_alignment(torch.tensor([0.5, 0.5, 0.5]), torch.tensor([1.0, 0.0, 0.0]))
    tensor([0.5000, 0.2500, 0.1250])
    """
    if choose.shape != previous.shape or not choose.ndim:
        raise ShapeError(
            "monotonic_alignment wants choose and previous of the same shape (*batch, K), and got "
            f"{shape_text(tuple(choose.shape))} and {shape_text(tuple(previous.shape))}"
        )
    go_on = nn.functional.pad(1 - choose, (1, 0))[..., :-1]
    return choose * _Recurrence.apply(go_on, previous)


def monotonic_alignments(
    choose: Float[Tensor, "*batch T K"], start: Float[Tensor, "*batch K"] | None = None
) -> Float[Tensor, "*batch T K"]:
    """``monotonic_alignment`` of T steps, each from the one before.

    Source:  Raffel et al. 2017 (arXiv:1704.00784), eq. 9–14
    Departs: none
    Cost:    O(T·K log K) time, O(T·K) memory

    Args:
        choose: p of each step.
        start: the alignment before the first step; None: 1 at the first key.

    Raises:
        ShapeError: the two do not fit.

    >>> monotonic_alignments(torch.full((2, 3), 0.5))
    tensor([[0.5000, 0.2500, 0.1250],
            [0.2500, 0.2500, 0.1875]])
    """
    if choose.ndim < 2:
        raise ShapeError(
            "monotonic_alignments wants choose (*batch, T, K), and got "
            f"{shape_text(tuple(choose.shape))}"
        )
    if start is None:
        start = torch.zeros_like(choose[..., 0, :])
        start[..., :1] = 1.0
    rows = [choose[..., :0, :]]
    for row in choose.unbind(-2):
        start = monotonic_alignment(row, start)
        rows.append(start[..., None, :])
    return torch.cat(rows, -2)


class _Recurrence(torch.autograd.Function):
    """x_j = rate_j x_{j−1} + start_j along the last dimension. Its gradient is the same recurrence,
    from the other end; so autograd keeps two tensors and not two for each round."""

    generate_vmap_rule = True

    @staticmethod
    def forward(rate: Tensor, start: Tensor) -> Tensor:
        reach, size = 1, start.shape[-1]
        dtype = torch.promote_types(rate.dtype, start.dtype)
        x, rate = start.to(dtype), rate.to(dtype)
        # After each round x_j holds the terms of the ``reach`` places up to j, and ``rate`` the
        # product of their rates.
        while reach < size:
            before, after = x[..., :reach], x[..., reach:]
            x = torch.cat([before, torch.addcmul(after, rate[..., reach:], x[..., :-reach])], -1)
            rate = torch.cat([rate[..., :reach], rate[..., reach:] * rate[..., :-reach]], -1)
            reach *= 2
        return x.clone() if x is start else x

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)
        ctx.dtypes = [x.dtype for x in inputs]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        rate, x = ctx.saved_tensors
        pad = nn.functional.pad
        next_rate = pad(rate, (0, 1))[..., 1:]
        start = _Recurrence.apply(next_rate.flip(-1), gradients[0].flip(-1)).flip(-1)
        rate = start * pad(x, (1, 0))[..., :-1]
        return rate.to(ctx.dtypes[0]), start.to(ctx.dtypes[1])


def _as_they_are(scores: Tensor, allowed: Tensor | None) -> Tensor:
    return scores
