"""Coverage: attention that is told how much of each key has been read, and a loss for rereading."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import ShapeError
from regard.grid import shape_text
from regard.nn.recurrent import RecurrentAlignment, nothing_read
from regard.nn.source import Source, cleared, lengths_of
from regard.normalizers import Normalizer
from regard.normalizers import named as named_normalizer


class CoverageState(NamedTuple):
    """c_t, the sum of the weights of all steps so far: ``(B, K)``."""

    coverage: Tensor


class CoverageAttention(RecurrentAlignment):
    """Additive attention with the coverage of each key.

        e_tj = vᵀ tanh(W_h h_j + W_s s_t + w_c c_tj + b),   c_t = Σ_{t'<t} α_{t'}

    The loss that goes with it, Σ_t Σ_j min(α_tj, c_tj), is ``coverage_loss``.

    Source:  See, Liu, Manning 2017 (arXiv:1704.04368), eq. 10–11
    Departs: none
    Cost:    O(K·D) time a step; the keys are projected once. Memory of T steps in training:
             O(T·K·D), a step's features of more than 2²⁰ numbers are made again.

    Args:
        query_features: E, features of s.
        key_features: F, features of h; None: E.
        features: D; None: E.
        normalizer: how scores become weights, as in ``attend``.

    >>> layer = CoverageAttention(4, 6)
    >>> contexts, weights = layer(torch.zeros(1, 3, 4), torch.zeros(1, 2, 6), return_weights=True)
    >>> coverage_loss(weights)  # nothing is read twice in the first step, all in the others
    tensor([[0., 1., 1.]], grad_fn=<SumBackward1>)
    >>> source, state = layer.begin(torch.zeros(1, 2, 6))
    >>> layer.step(torch.zeros(1, 4), source, state).state.coverage
    tensor([[0.5000, 0.5000]], grad_fn=<AddBackward0>)
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        features: int | None = None,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__("additive", query_features, key_features, features)
        self.coverage = nn.Linear(1, self.features)  # w_c and b
        self.normalizer = named_normalizer(normalizer)

    def first(self, source: Source) -> CoverageState:
        return CoverageState(nothing_read(source))

    def look(
        self, query: Float[Tensor, "B 1 D"], source: Source, state: CoverageState
    ) -> tuple[Float[Tensor, "B 1 K"], CoverageState]:
        covered = state.coverage[..., None].to(self.coverage.weight.dtype)
        found = self.weigh(query, source.key + self.coverage(covered), source, self.normalizer)
        return found, CoverageState(state.coverage + found[:, 0])


def coverage_loss(
    weights: Float[Tensor, "B T K"],
    coverage: Float[Tensor, "B K"] | None = None,
    *,
    lengths: Int[Tensor, " B"] | list[int] | None = None,
) -> Float[Tensor, "B T"]:
    """Σ_j min(α_tj, c_tj) of each step: what is read that has been read before (weight, ≤ 1).

    The total of a target is the sum over its steps; it is added to the target's negative
    log-likelihood, times λ (1 in the paper, after a training without it).

    Source:  See, Liu, Manning 2017 (arXiv:1704.04368), eq. 12–13
    Departs: none
    Cost:    O(T·K) time and memory

    Args:
        weights: α of T steps; those of padded keys are 0 and add nothing.
        coverage: c before the first of the steps; None: zeros, as at the beginning of a target.
        lengths: how many steps of each row count (tokens written); the others' loss is 0.

    Raises:
        ShapeError: shapes that do not fit.
        KindError: lengths that are not integers.

    >>> coverage_loss(torch.tensor([[[0.9, 0.1], [0.9, 0.1], [0.0, 1.0]]]))
    tensor([[0.0000, 1.0000, 0.2000]])
    >>> coverage_loss(torch.tensor([[[0.9, 0.1]]]), torch.tensor([[0.5, 0.0]]))  # one step
    tensor([[0.5000]])
    """
    shape = tuple(weights.shape)
    if len(shape) == 3 and coverage is None:
        coverage = weights.new_zeros(shape[0], shape[2])
    if coverage is None or tuple(coverage.shape) != (*shape[:1], *shape[2:]):
        came = "none" if coverage is None else shape_text(tuple(coverage.shape))
        raise ShapeError(
            "coverage_loss wants weights (B, T, K) and coverage (B, K), and got "
            f"{shape_text(shape)} and {came}"
        )
    before = torch.cat([coverage[:, None], weights], 1).cumsum(1)[:, :-1]
    loss = torch.minimum(weights, before).sum(-1)
    if lengths is None:
        return loss
    return cleared(loss[..., None], lengths_of(weights, lengths))[..., 0]
