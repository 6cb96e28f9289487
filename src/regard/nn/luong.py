"""Luong's decoder: the state moves, and then it looks."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.cells import MEMORIES, Climb, climb, layers_of
from regard.nn.decoders import (
    Encoded,
    LuongState,
    RecurrentDecoder,
    Written,
    attention_of,
    bridge_of,
    chances_of,
    expect_encoded,
    nothing,
)
from regard.nn.looks import look_of
from regard.nn.lstm import LSTM
from regard.nn.refusals import probability
from regard.nn.repeated import Repeated
from regard.nn.source import Source, expect, expect_rows
from regard.normalizers import Normalizer
from regard.scores import AnyScore


class LuongDecoder(RecurrentDecoder):
    """Luong's decoder, with input feeding.

        h_t = LSTM([E y_{t−1}; h̃_{t−1}], h_{t−1})
        c_t = Σ_s α_t(s) h̄_s,  α_t = softmax(score(h_t, h̄_s))
        h̃_t = tanh(W_c [c_t; h_t])

    Source:  Luong, Pham, Manning 2015 (arXiv:1508.04025), §3.1 and §3.3
    Departs: the first state is a projection of the encoder's backward state, not the encoder's
             last state, because this encoder is bidirectional
    Cost:    O(T·K·H) time; without input feeding all T queries are attended to in one call

    Args:
        embedding: features of E y.
        hidden: H, features of h_t and h̃_t.
        annotation: F, features of h̄_s.
        score: as in ``nn.Attention``; "general", "concat", "dot" and "location" in the paper. For
            the name of one that wants E = F ("dot", …) the annotations are projected to H.
        places: of the location score, the largest number of annotations.
        layers: how many LSTMs are stacked.
        input_feeding: whether h̃_{t−1} is part of the next input.
        normalizer: as in ``nn.Attention``.
        attention: what reads the source instead, as in ``BahdanauDecoder``; LocalAttention in the
            paper's §3.2.
        cell: "lstm" or "gru".
        dropout: probability with which a feature is dropped between layers in training.

    Raises:
        RangeError: a size below 1; the location score without places; a dropout that is no
            probability.
        UnknownName: another cell.
        KindError: an attention that a decoder does not read with.

    >>> decoder = LuongDecoder(3, 4, 8)
    >>> encoded = Encoded(torch.zeros(2, 5, 8), torch.tensor([5, 2]), torch.zeros(2, 4))
    >>> source, state = decoder.begin(encoded)
    >>> decoder.step(torch.zeros(2, 3), state, source).features.shape
    torch.Size([2, 4])
    """

    def __init__(  # noqa: PLR0913
        self,
        embedding: int,
        hidden: int,
        annotation: int,
        *,
        score: AnyScore | str = "general",
        places: int | None = None,
        layers: int = 1,
        input_feeding: bool = True,
        normalizer: Normalizer | str = "softmax",
        attention: nn.Module | None = None,
        cell: Literal["gru", "lstm"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(embedding, hidden, annotation, layers=layers, cell=cell)
        self.input_feeding = input_feeding
        if attention is None:
            attention = attention_of(hidden, annotation, score, places, normalizer)
        self.bridge, read = bridge_of(attention, annotation)
        self.attention, self.look = attention, look_of(attention)
        self.initial = nn.Linear(hidden, MEMORIES[cell] * layers * hidden)
        width = embedding + hidden if input_feeding else embedding
        kind: Any = LSTM if cell == "lstm" else nn.GRU
        between = probability(dropout) * (layers > 1)  # torch warns of what is between none
        self.add_module(cell, kind(width, hidden, layers, batch_first=True, dropout=between))
        self.combine = nn.Linear(read + hidden, hidden, bias=False)

    @property
    def recurrent(self) -> nn.LSTM | nn.GRU:
        """The stack of LSTMs or GRUs."""
        return self.lstm if "lstm" in self._modules else self.gru  # pyright: ignore[reportReturnType]

    def begin(self, encoded: Encoded) -> tuple[Source, LuongState]:
        """The source made ready, and the state before the first word.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect_encoded(encoded, self.annotation, self.hidden)
        source = self.look.ready(self.bridge(encoded.annotations), encoded.lengths)
        first = torch.tanh(self.initial(encoded.backward)).unflatten(
            -1, (-1, self.layers, self.hidden)
        )
        hidden, *cells = first.unbind(1)
        fed, seen = torch.zeros_like(hidden[:, -1]), self.look.first(source)
        return source, LuongState(hidden, cells[0] if cells else (), fed, seen)

    def one(
        self, embedded: Float[Tensor, "B M"], state: LuongState, source: Source
    ) -> tuple[Written, LuongState]:
        """All that is said of one word, and the state after it; as ``step``."""
        expect(embedded, 2, self.embedding, "embedded (B, M)")
        expect_rows(source.key, embedded=embedded, state=state.hidden)
        layers = [layer.once() for layer in layers_of(self.recurrent)]
        fed = torch.cat([embedded, state.attentional], -1) if self.input_feeding else embedded
        after = climb(layers, layers[0].given(fed), _climb(state), self._dropped())
        query = after.hidden[-1]
        glance = self.look.reader(source)(query, state.seen)
        row = glance.weights[:, None].to(source.value.dtype)
        context = (row @ source.value)[:, 0]
        attentional = torch.tanh(self.combine(torch.cat([context, query], -1)))
        written = Written(attentional, query, context, glance.weights, glance.chance)
        return written, _state(after, attentional, glance.seen)

    def whole(
        self, embedded: Float[Tensor, "B T M"], encoded: Encoded, *, return_weights: bool = False
    ) -> Written:
        """All that is said of a whole target; as ``forward``."""
        expect(embedded, 3, self.embedding, "embedded (B, T, M)")
        source, begun = self.begin(encoded)
        expect_rows(source.key, embedded=embedded)
        if not embedded.shape[1]:
            return nothing(begun.attentional, source, self.hidden, return_weights=return_weights)
        if self.input_feeding:
            return self._fed(embedded, source, begun)
        query = self._run(embedded, begun)
        contexts, weights, chance = self.look.whole(query, source, return_weights=return_weights)
        features = torch.tanh(self.combine(torch.cat([contexts, query], -1)))
        return Written(features, query, contexts, weights, chance)

    def _fed(self, embedded: Tensor, source: Source, begun: LuongState) -> Written:
        lowest, often = (
            layers_of(self.recurrent)[0],
            {"batch": len(embedded), "steps": embedded.shape[1]},
        )
        layers = [layer.often(**often) for layer in layers_of(self.recurrent)]
        of_word, of_fed = lowest.into.split([self.embedding, self.hidden], 1)
        words = F.linear(embedded, of_word, lowest.into_bias)
        feed, mean = Repeated(of_fed, None, **often), Repeated(source.value, None, **often)
        combine = Repeated(self.combine.weight, None, **often)
        read, state, seen, fed = (
            self.look.reader(source),
            _climb(begun),
            begun.seen,
            begun.attentional,
        )
        features, queries, contexts, rows, chances = [], [], [], [], []
        for word in words.unbind(1):
            state = climb(layers, word + feed(fed), state, self._dropped())
            query = state.hidden[-1]
            glance = read(query, seen)
            context, seen = mean(glance.weights), glance.seen
            fed = torch.tanh(combine(torch.cat([context, query], -1)))
            features.append(fed)
            queries.append(query)
            contexts.append(context)
            rows.append(glance.weights)
            chances.append(glance.chance)
        said = [torch.stack(part, 1) for part in (features, queries, contexts, rows)]
        return Written(said[0], said[1], said[2], said[3], chances_of(chances))

    def _run(self, embedded: Tensor, begun: LuongState) -> Float[Tensor, "B T H"]:
        """The top layer's states of words that are known beforehand, by torch's whole stack."""
        hidden, *cell = (x.transpose(0, 1).contiguous() for x in begun[:2] if len(x))
        held: Any = (hidden, *cell) if cell else hidden
        return self.recurrent(embedded, held)[0]

    def _dropped(self) -> float:
        return self.recurrent.dropout if self.training else 0.0


def _climb(state: LuongState) -> Climb:
    cells = state.cell.unbind(1) if isinstance(state.cell, Tensor) else ()
    return Climb(state.hidden.unbind(1), cells)


def _state(climb: Climb, attentional: Tensor, seen: Any) -> LuongState:
    cell = torch.stack(climb.cells, 1) if climb.cells else ()
    return LuongState(torch.stack(climb.hidden, 1), cell, attentional, seen)
