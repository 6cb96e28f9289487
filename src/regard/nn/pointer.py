"""Pointing: attention whose weights are the output."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.attention import weights
from regard.errors import ShapeError
from regard.grid import TORCH, Grid, shape_text
from regard.masks import Mask, dense
from regard.nn.learned_score import LearnedScore
from regard.nn.source import Source, expect, expect_rows
from regard.witness import told


class Pointed(NamedTuple):
    """A distribution over the inputs, ``(…, K)``: logarithms (nats), −∞ where nothing may be
    pointed at, and probabilities."""

    log_probabilities: Tensor
    probabilities: Tensor


class PointerAttention(nn.Module):
    """The pointer network's attention: its weights over the inputs are the output distribution.

        u_j = vᵀ tanh(W₁ e_j + W₂ d)        e_j input j, d the decoder's state
        p(j) = softmax(u)_j

    Source:  Vinyals, Fortunato, Jaitly 2015 (arXiv:1506.03134), eq. 3
    Departs: none; initialised as torch's linear layers are
    Cost:    O(Q·K·D) time; memory O(Q·K), the output's own size, and of (Q, K, D) one tile

    Args:
        query_features: E, of the decoder's state d.
        key_features: F, of the inputs e_j; None: E.
        features: D of the score; None: E.

    Raises:
        RangeError: a size below 1.

    >>> import torch
    >>> pointer = PointerAttention(4, 6)
    >>> found = pointer(torch.zeros(2, 3, 4), torch.zeros(2, 5, 6), lengths=[5, 2])
    >>> found.probabilities[1, 0]
    tensor([0.5000, 0.5000, 0.0000, 0.0000, 0.0000], grad_fn=<SelectBackward0>)
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        features: int | None = None,
    ) -> None:
        super().__init__()
        self.query_features = query_features
        self.key_features = query_features if key_features is None else key_features
        self.score = LearnedScore("additive", query_features, self.key_features, features=features)

    def begin(
        self,
        inputs: Float[Tensor, "B K F"],
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Source:
        """The inputs made ready, to be pointed at many times.

        Args:
            inputs: e.
            lengths: how many inputs each row has; what lies behind them is padding. None: all K.

        Raises:
            ShapeError: inputs of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(inputs, 3, self.key_features, "inputs (B, K, F)")
        return Source.of(self.score, inputs, None, lengths)

    def step(
        self,
        query: Float[Tensor, "B E"],
        inputs: Source,
        *,
        allowed: Bool[Tensor, "B K"] | None = None,
    ) -> Pointed:
        """Where one state of a decoder points.

        Args:
            query: d.
            inputs: what ``begin`` made ready.
            allowed: True = may be pointed at, for instance ``~chosen``; None: every input.

        Returns:
            Both ``(B, K)``. Where nothing may be pointed at, probabilities are 0, their logarithms
            −∞, and gradients 0.
        """
        expect(query, 2, self.query_features, "query (B, E)")
        plane = tuple(inputs.key.shape[:2])
        if allowed is not None and tuple(allowed.shape) != plane:
            raise ShapeError(
                f"allowed is (B, K) = {shape_text(plane)}, and it is "
                f"{shape_text(tuple(allowed.shape))}"
            )
        mask = None if allowed is None else dense(allowed[:, None, :])
        return Pointed(*(x[:, 0] for x in self._point(query[:, None], inputs, mask)))

    def forward(
        self,
        query: Float[Tensor, "B Q E"],
        inputs: Float[Tensor, "B K F"],
        *,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
        mask: Mask | None = None,
    ) -> Pointed:
        """Where each state of a whole target points: both ``(B, Q, K)``.

        Args:
            query: d of every step.
            inputs, lengths: as for ``begin``.
            mask: what may be pointed at besides, of ``regard.masks``; None: every input.
        """
        expect(query, 3, self.query_features, "query (B, Q, E)")
        return self._point(query, self.begin(inputs, lengths), mask)

    def _point(self, query: Tensor, inputs: Source, mask: Mask | None) -> Pointed:
        expect_rows(inputs.key, query=query)
        seen = inputs.mask if mask is None else inputs.mask & mask
        raw: Any = weights(
            self.score.query(query),
            inputs.key,
            score=self.score(),
            mask=seen,
            normalizer=_as_they_are,
        )
        allowed = torch.as_tensor(seen.tile(_plane(raw))).expand(raw.shape)
        low = torch.where(allowed, raw, -math.inf)
        # A row of −∞ is NaN in both passes: it is given numbers, and what comes of them is dropped.
        logs = torch.log_softmax(torch.where(allowed.any(-1, keepdim=True), low, 0.0), -1)
        logs = torch.where(allowed, logs, -math.inf)
        return Pointed(logs, told(logs.exp()))


def _as_they_are(scores: Any, allowed: Any) -> Any:
    return scores  # the logarithm of a weight that is 0 in floating point would be lost


def _plane(scores: Tensor) -> Grid:
    *batch, queries, keys = scores.shape
    return Grid(
        tuple(batch), queries, keys, range(queries), range(keys), TORCH, device=scores.device
    )
