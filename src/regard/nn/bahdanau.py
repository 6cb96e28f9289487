"""Bahdanau's decoder: the state looks before it moves."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.cells import MEMORIES, Climb, Layer, climb, layer_of
from regard.nn.decoders import (
    BahdanauState,
    Encoded,
    RecurrentDecoder,
    Written,
    attention_of,
    bridge_of,
    chances_of,
    expect_encoded,
    nothing,
)
from regard.nn.looks import look_of
from regard.nn.refusals import probability
from regard.nn.repeated import Repeated
from regard.nn.source import Source, expect, expect_rows
from regard.normalizers import Normalizer
from regard.scores import AnyScore


class BahdanauDecoder(RecurrentDecoder):
    """The decoder of RNNsearch.

        s_0 = tanh(W_s ←h_1)
        c_i = Σ_j α_ij h_j,  α_i = softmax(vᵀ tanh(W s_{i−1} + U h_j))
        s_i = GRU([E y_{i−1}; c_i], s_{i−1})
        t_i = maxout pairs of U_o s_{i−1} + V_o E y_{i−1} + C_o c_i

    Of stacked layers the top one asks and is read out; the lowest gets the word and the context.

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), App. A.2.2
    Departs: torch's GRU applies the reset gate after the recurrent product, the paper's before it;
             the paper has one layer, of GRUs, and the additive score
    Cost:    O(T·K·D) time for T steps; the keys are projected once, and of a whole target the
             words' products with the gates and the readout are made for all words at once

    Args:
        embedding: features of E y.
        hidden: H, features of s; also D of the score and of the maxout's output.
        annotation: F, features of h_j.
        score: as in ``nn.Attention``. For the name of one that wants E = F ("dot", …) the
            annotations are projected to H.
        places: of the location score, the largest number of annotations.
        normalizer: as in ``nn.Attention``.
        attention: what reads the source instead, of ``nn``: LocalAttention, HardAttention,
            CoverageAttention, FixedVector or an Attention, with queries of H features and keys of
            F (or of fewer or more, to which annotations are then projected).
        cell: "gru" or "lstm".
        layers: how many are stacked.
        dropout: probability with which a feature is dropped between layers in training.

    Raises:
        RangeError: a size below 1, a dropout that is no probability.
        UnknownName: another cell.
        KindError: an attention that is none of those.

    >>> decoder = BahdanauDecoder(3, 4, 8)
    >>> encoded = Encoded(torch.zeros(2, 5, 8), torch.tensor([5, 2]), torch.zeros(2, 4))
    >>> decoder(torch.zeros(2, 7, 3), encoded).shape
    torch.Size([2, 7, 4])
    """

    def __init__(  # noqa: PLR0913
        self,
        embedding: int,
        hidden: int,
        annotation: int,
        *,
        score: AnyScore | str = "additive",
        places: int | None = None,
        normalizer: Normalizer | str = "softmax",
        attention: nn.Module | None = None,
        cell: Literal["gru", "lstm"] = "gru",
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(embedding, hidden, annotation, layers=layers, cell=cell)
        self.dropout = probability(dropout)
        if attention is None:
            attention = attention_of(hidden, annotation, score, places, normalizer)
        self.initial = nn.Linear(hidden, MEMORIES[cell] * layers * hidden)
        self.attention, self.look = attention, look_of(attention)
        self.bridge, read = bridge_of(attention, annotation)
        kind: Any = nn.GRUCell if cell == "gru" else nn.LSTMCell
        self.cell = kind(embedding + read, hidden)
        self.above = nn.ModuleList(kind(hidden, hidden) for _ in range(layers - 1))
        self.deep = nn.Linear(hidden + embedding + read, 2 * hidden)

    def begin(self, encoded: Encoded) -> tuple[Source, BahdanauState]:
        """The source made ready, and s_0.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect_encoded(encoded, self.annotation, self.hidden)
        source = self.look.ready(self.bridge(encoded.annotations), encoded.lengths)
        first = torch.tanh(self.initial(encoded.backward)).split(self.hidden, -1)
        state = Climb(first[: self.layers], first[self.layers :])
        return source, _state(state, self.look.first(source))

    def one(
        self, embedded: Float[Tensor, "B M"], state: BahdanauState, source: Source
    ) -> tuple[Written, BahdanauState]:
        """All that is said of one word, and the state after it; as ``step``."""
        expect(embedded, 2, self.embedding, "embedded (B, M)")
        expect_rows(source.key, embedded=embedded, state=state.hidden)
        glance = self.look.reader(source)(state.hidden, state.seen)
        context = _mean(glance.weights, source.value)
        features = self._readout(state.hidden, embedded, context)
        layers = [layer.once() for layer in self._layers()]
        given = layers[0].given(torch.cat([embedded, context], -1))
        after = climb(layers, given, _climb(state), self._dropped())
        written = Written(features, state.hidden, context, glance.weights, glance.chance)
        return written, _state(after, glance.seen)

    def whole(
        self, embedded: Float[Tensor, "B T M"], encoded: Encoded, *, return_weights: bool = True
    ) -> Written:
        """All that is said of a whole target; as ``forward``. The weights are there anyway."""
        expect(embedded, 3, self.embedding, "embedded (B, T, M)")
        source, begun = self.begin(encoded)
        expect_rows(source.key, embedded=embedded)
        if not embedded.shape[1]:
            return nothing(begun.hidden, source, self.hidden, return_weights=True)
        lowest, often = self._layers()[0], {"batch": len(embedded), "steps": embedded.shape[1]}
        layers = [layer.often(**often) for layer in self._layers()]
        of_word, of_context = lowest.into.split([self.embedding, source.value.shape[-1]], 1)
        words = F.linear(embedded, of_word, lowest.into_bias)
        # Σ_j α_j (C h_j) for C Σ_j α_j h_j: C once for each key and not for each word, out of the
        # loop. It pays unless the source is much longer than the target.
        if 2 * embedded.shape[1] >= source.value.shape[1]:
            of_weights = Repeated(F.linear(source.value, of_context), None, **often)
        else:
            mean = Repeated(source.value, None, **often)
            product = Repeated(of_context, None, **often)

            def of_weights(x: Tensor) -> Tensor:
                return product(mean(x))

        read, state, seen = self.look.reader(source), _climb(begun), begun.seen
        queries, rows, chances = [], [], []
        for word in words.unbind(1):
            query = state.hidden[-1]
            row, seen, chance = read(query, seen)
            state = climb(layers, word + of_weights(row), state, self._dropped())
            queries.append(query)
            rows.append(row)
            chances.append(chance)
        query, weights = torch.stack(queries, 1), torch.stack(rows, 1)
        context = weights.to(source.value.dtype) @ source.value
        features = self._readout(query, embedded, context)
        return Written(features, query, context, weights, chances_of(chances))

    def _layers(self) -> list[Layer]:
        cells: Any = (self.cell, *self.above)
        return [layer_of(cell) for cell in cells]

    def _dropped(self) -> float:
        return self.dropout if self.training else 0.0

    def _readout(self, hidden: Tensor, embedded: Tensor, context: Tensor) -> Tensor:
        pairs = self.deep(torch.cat([hidden, embedded, context], -1))
        return torch.maximum(pairs[..., ::2], pairs[..., 1::2])


def _mean(weights: Float[Tensor, "B K"], value: Float[Tensor, "B K V"]) -> Float[Tensor, "B V"]:
    return (weights[:, None].to(value.dtype) @ value)[:, 0]


def _state(climb: Climb, seen: Any) -> BahdanauState:
    *below, top = climb.hidden
    return BahdanauState(top, tuple(below), climb.cells, seen)


def _climb(state: BahdanauState) -> Climb:
    return Climb((*state.below, state.hidden), state.cells)
