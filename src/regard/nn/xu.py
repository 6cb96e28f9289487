"""The decoder of Show, Attend and Tell: a gate on what is seen, and a deep output."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.nn.cells import layer_of
from regard.nn.decoders import (
    RecurrentDecoder,
    Written,
    attention_of,
    bridge_of,
    chances_of,
    nothing,
)
from regard.nn.fixed import MeanVector
from regard.nn.looks import look_of
from regard.nn.refusals import probability
from regard.nn.repeated import Repeated
from regard.nn.source import Source, expect, expect_rows, lengths_of
from regard.normalizers import Normalizer
from regard.scores import AnyScore


class Annotated(NamedTuple):
    """What an encoder says of an image: annotations ``(B, K, F)``, one a place, and how many of
    them count in each row, ``(B,)`` or None: all."""

    annotations: Tensor
    lengths: Tensor | None = None


class XuState(NamedTuple):
    """h and c ``(B, H)``, and what the attention remembers."""

    hidden: Tensor
    cell: Tensor
    seen: Any = ()


class XuDecoder(RecurrentDecoder):
    """The decoder of Show, Attend and Tell.

        h_0 = tanh(W_h ā),  c_0 = tanh(W_c ā),  ā = (1/K) Σ_i a_i
        α_t = softmax(f_att(a_i, h_{t−1})),  β_t = σ(w_β h_{t−1} + b_β),  ẑ_t = β_t Σ_i α_ti a_i
        h_t, c_t = LSTM([E y_{t−1}; ẑ_t], h_{t−1}, c_{t−1})
        features = E y_{t−1} + L_h h_t + L_z ẑ_t

    of which a linear layer L_o makes the logits of y_t.

    Source:  Xu et al. 2015 (arXiv:1502.03044), §3.1.2, eq. 1–7; §4.2.1 for the gate
    Departs: f_init is one layer with tanh, as in the authors' code; the paper leaves its depth open
    Cost:    O(T·K·D) time for T words; the keys are projected once

    Args:
        embedding: M, features of E y.
        hidden: H, features of h; also D of the additive score.
        annotation: F, features of a_i.
        score: as in ``nn.Attention``; additive in the paper. For the name of one that wants E = F
            ("dot", …) the annotations are projected to H.
        normalizer: as in ``nn.Attention``.
        attention: what looks at the image instead, of ``nn``: HardAttention, MeanVector (no
            attention), an Attention, or another of those that ``BahdanauDecoder`` takes, with
            queries of H features.
        dropout: probability with which a feature of h_t is dropped before L_h in training, as in
            the authors' code: what is seen is then told better than what is remembered.

    Raises:
        RangeError: a size below 1, a dropout that is no probability.
        KindError: an attention that is none of those.

    >>> decoder = XuDecoder(3, 4, 8)
    >>> image = Annotated(torch.zeros(2, 49, 8))
    >>> decoder(torch.zeros(2, 7, 3), image).shape
    torch.Size([2, 7, 3])
    """

    def __init__(
        self,
        embedding: int,
        hidden: int,
        annotation: int,
        *,
        score: AnyScore | str = "additive",
        normalizer: Normalizer | str = "softmax",
        attention: nn.Module | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(embedding, hidden, annotation, layers=1, cell="lstm")
        self.dropout = probability(dropout)
        if attention is None:
            attention = attention_of(hidden, annotation, score, None, normalizer)
        self.mean = MeanVector(annotation)
        self.initial = nn.Linear(annotation, 2 * hidden)
        self.attention, self.look = attention, look_of(attention)
        self.bridge, read = bridge_of(attention, annotation)
        self.gate = nn.Linear(hidden, 1)
        self.cell = nn.LSTMCell(embedding + read, hidden)
        self.of_state = nn.Linear(hidden, embedding)
        self.of_context = nn.Linear(read, embedding, bias=False)

    def begin(self, encoded: Annotated) -> tuple[Source, XuState]:
        """The image made ready, and h_0, c_0.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect(encoded.annotations, 3, self.annotation, "annotations (B, K, F)")
        lengths = lengths_of(encoded.annotations, encoded.lengths)
        source = self.look.ready(self.bridge(encoded.annotations), lengths)
        first = torch.tanh(self.initial(self.mean(encoded.annotations, lengths)))
        hidden, memory = first.chunk(2, -1)
        return source, XuState(hidden, memory, self.look.first(source))

    def one(
        self, embedded: Float[Tensor, "B M"], state: XuState, source: Source
    ) -> tuple[Written, XuState]:
        """All that is said of one word, and the state after it; as ``step``."""
        expect(embedded, 2, self.embedding, "embedded (B, M)")
        expect_rows(source.key, embedded=embedded, state=state.hidden)
        glance = self.look.reader(source)(state.hidden, state.seen)
        mean = (glance.weights[:, None].to(source.value.dtype) @ source.value)[:, 0]
        context = self._beta(state.hidden) * mean
        cell = layer_of(self.cell).once()
        given = cell.given(torch.cat([embedded, context], -1))
        hidden, memory = cell.step(given, state.hidden, state.cell)
        assert memory is not None
        features = self._features(embedded, hidden, context)
        written = Written(features, state.hidden, context, glance.weights, glance.chance)
        return written, XuState(hidden, memory, glance.seen)

    def whole(
        self, embedded: Float[Tensor, "B T M"], encoded: Annotated, *, return_weights: bool = True
    ) -> Written:
        """All that is said of a whole caption; as ``forward``. The weights are there anyway."""
        expect(embedded, 3, self.embedding, "embedded (B, T, M)")
        source, state = self.begin(encoded)
        expect_rows(source.key, embedded=embedded)
        if not embedded.shape[1]:
            return nothing(state.hidden, source, self.embedding, return_weights=True)
        lowest, often = layer_of(self.cell), {"batch": len(embedded), "steps": embedded.shape[1]}
        cell = lowest.often(**often)
        of_word, of_context = lowest.into.split([self.embedding, source.value.shape[-1]], 1)
        words = F.linear(embedded, of_word, lowest.into_bias)
        mean = Repeated(source.value, None, **often)
        given = Repeated(of_context, None, **often)
        read, seen = self.look.reader(source), state.seen
        hidden, memory = state.hidden, state.cell
        queries, rows, contexts, after, chances = [], [], [], [], []
        for word in words.unbind(1):
            row, seen, chance = read(hidden, seen)
            context = self._beta(hidden) * mean(row)
            queries.append(hidden)
            hidden, memory = cell.step(word + given(context), hidden, memory)
            rows.append(row)
            contexts.append(context)
            after.append(hidden)
            chances.append(chance)
        query, context = torch.stack(queries, 1), torch.stack(contexts, 1)
        features = self._features(embedded, torch.stack(after, 1), context)
        return Written(features, query, context, torch.stack(rows, 1), chances_of(chances))

    def _beta(self, hidden: Tensor) -> Tensor:
        return torch.sigmoid(self.gate(hidden))

    def _features(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        kept = F.dropout(hidden, self.dropout, self.training)
        return embedded + self.of_state(kept) + self.of_context(context)


def doubly_stochastic_loss(
    weights: Float[Tensor, "B T K"], lengths: Int[Tensor, " B"] | list[int] | None = None
) -> Float[Tensor, " B"]:
    """Σ_i (1 − Σ_t α_ti)²: what each caption pays for places that it looks at too little or too
    often.

    Source:  Xu et al. 2015 (arXiv:1502.03044), §4.2.1, eq. 14 (there with λ)
    Departs: none
    Cost:    O(T·K)

    Args:
        weights: α of T words over K places.
        lengths: how many words of each row count (tokens); None: all.

    Raises:
        KindError: lengths that are not integers.
        ShapeError: another number of lengths than rows.

    >>> doubly_stochastic_loss(torch.tensor([[[1.0, 0.0], [0.5, 0.5]]]))
    tensor([0.5000])
    """
    real = torch.arange(weights.shape[1], device=weights.device)
    counted = real < lengths_of(weights, lengths)[:, None]
    received = torch.where(counted[..., None], weights, 0.0).sum(1)
    return (1 - received).square().sum(-1)
