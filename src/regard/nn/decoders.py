"""Recurrent decoders that attend: Bahdanau's and Luong's.

Both take one step at a time (``step``, for decoding) or a whole target at once (``forward``, for
training by teacher forcing), and give features from which a word is predicted. A state is a
NamedTuple of tensors whose first dimension is the batch, so that a search can reorder it.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.masks import Mask, padding
from regard.nn.attention import Attention
from regard.nn.learned_score import ALIKE
from regard.nn.projection import Projection
from regard.nn.refusals import sizes
from regard.nn.source import Source, expect, expect_rows
from regard.normalizers import Normalizer
from regard.scores import AnyScore, canonical


class Encoded(NamedTuple):
    """What an encoder says of a source: annotations ``(B, K, F)``, lengths ``(B,)`` (tokens), and
    the last state ``(B, H)`` of its backward half."""

    annotations: Tensor
    lengths: Tensor
    backward: Tensor

    @property
    def mask(self) -> Mask:
        return padding(self.lengths)


class GRUState(NamedTuple):
    """The hidden state ``(B, H)``."""

    hidden: Tensor


class LuongState(NamedTuple):
    """Hidden and cell states ``(B, layers, H)``, and the last attentional vector h̃ ``(B, H)``."""

    hidden: Tensor
    cell: Tensor
    attentional: Tensor


class Step(NamedTuple):
    """Features ``(B, R)``, the state after them, and the weights ``(B, K)`` if they were asked."""

    features: Tensor
    state: Any
    weights: Tensor | None


class BahdanauDecoder(nn.Module):
    """The decoder of RNNsearch.

        s_0 = tanh(W_s ←h_1)
        c_i = Σ_j α_ij h_j,  α_i = softmax(vᵀ tanh(W s_{i−1} + U h_j))
        s_i = GRU([E y_{i−1}; c_i], s_{i−1})
        t_i = maxout pairs of U_o s_{i−1} + V_o E y_{i−1} + C_o c_i

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473), App. A.2.2
    Departs: torch's GRU applies the reset gate after the recurrent product, the paper's before it
    Cost:    O(T·K·D) time for T steps; the keys are projected once

    Args:
        embedding: features of E y.
        hidden: H, features of s; also D of the score and of the maxout's output.
        annotation: F, features of h_j.
        normalizer: as in ``nn.Attention``.

    Raises:
        RangeError: a size below 1.

    >>> decoder = BahdanauDecoder(3, 4, 8)
    >>> encoded = Encoded(torch.zeros(2, 5, 8), torch.tensor([5, 2]), torch.zeros(2, 4))
    >>> decoder(torch.zeros(2, 7, 3), encoded).shape
    torch.Size([2, 7, 4])
    """

    def __init__(
        self,
        embedding: int,
        hidden: int,
        annotation: int,
        *,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__()
        sizes("BahdanauDecoder", embedding=embedding, hidden=hidden, annotation=annotation)
        self.embedding, self.hidden, self.annotation = embedding, hidden, annotation
        self.initial = nn.Linear(hidden, hidden)
        self.attention = Attention(
            hidden, annotation, score="additive", features=hidden, normalizer=normalizer
        )
        self.cell = nn.GRUCell(embedding + annotation, hidden)
        self.deep = nn.Linear(hidden + embedding + annotation, 2 * hidden)

    def begin(self, encoded: Encoded) -> tuple[Source, GRUState]:
        """The source made ready, and s_0.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        _expect_encoded(encoded, self.annotation, self.hidden)
        source = Source.of(self.attention.score, encoded.annotations, None, encoded.lengths)
        return source, GRUState(torch.tanh(self.initial(encoded.backward)))

    def step(
        self,
        embedded: Float[Tensor, "B M"],
        state: GRUState,
        source: Source,
        *,
        return_weights: bool = False,
    ) -> Step:
        """One word further: ``embedded`` is the last word's vector.

        Raises:
            ShapeError: a vector of other features, or another batch than the source's.
        """
        expect(embedded, 2, self.embedding, "embedded (B, M)")
        expect_rows(source.key, embedded=embedded, state=state.hidden)
        context, weights = _look(self.attention, state.hidden, source, return_weights)
        features = self._readout(state.hidden, embedded, context)
        hidden = self.cell(torch.cat([embedded, context], -1), state.hidden)
        return Step(features, GRUState(hidden), weights)

    def forward(
        self, embedded: Float[Tensor, "B T M"], encoded: Encoded, *, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Features ``(B, T, H)`` of a whole target, each from the words before it, and the weights
        ``(B, T, K)`` if asked.

        Raises:
            ShapeError: shapes that do not fit.
        """
        expect(embedded, 3, self.embedding, "embedded (B, T, M)")
        source, (hidden,) = self.begin(encoded)
        expect_rows(source.key, embedded=embedded)
        if not embedded.shape[1]:
            return _nothing(hidden, source, return_weights)
        hiddens, contexts, rows = [], [], []
        for word in embedded.unbind(1):
            context, row = _look(self.attention, hidden, source, return_weights)
            hiddens.append(hidden)
            contexts.append(context)
            rows.append(row)
            hidden = self.cell(torch.cat([word, context], -1), hidden)
        features = self._readout(torch.stack(hiddens, 1), embedded, torch.stack(contexts, 1))
        return (features, torch.stack(rows, 1)) if return_weights else features

    def _readout(self, hidden: Tensor, embedded: Tensor, context: Tensor) -> Tensor:
        pairs = self.deep(torch.cat([hidden, embedded, context], -1))
        return pairs.unflatten(-1, (-1, 2)).amax(-1)


class LuongDecoder(nn.Module):
    """Luong's decoder with global attention and input feeding.

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

    Raises:
        RangeError: a size below 1; the location score without places.

    >>> decoder = LuongDecoder(3, 4, 8)
    >>> encoded = Encoded(torch.zeros(2, 5, 8), torch.tensor([5, 2]), torch.zeros(2, 4))
    >>> source, state = decoder.begin(encoded)
    >>> decoder.step(torch.zeros(2, 3), state, source).features.shape
    torch.Size([2, 4])
    """

    def __init__(
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
    ) -> None:
        super().__init__()
        sizes("LuongDecoder", embedding=embedding, hidden=hidden, annotation=annotation)
        sizes("LuongDecoder", layers=layers)
        self.embedding, self.hidden, self.annotation = embedding, hidden, annotation
        self.layers, self.input_feeding = layers, input_feeding
        matched = isinstance(score, str) and canonical(score) in ALIKE
        self.bridge: nn.Module = Projection(annotation, hidden) if matched else nn.Identity()
        read = hidden if matched else annotation
        self.attention = Attention(hidden, read, score=score, places=places, normalizer=normalizer)
        self.initial = nn.Linear(hidden, 2 * layers * hidden)
        width = embedding + hidden if input_feeding else embedding
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True)
        self.combine = nn.Linear(read + hidden, hidden, bias=False)

    def begin(self, encoded: Encoded) -> tuple[Source, LuongState]:
        """The source made ready, and the state before the first word.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        _expect_encoded(encoded, self.annotation, self.hidden)
        annotations = self.bridge(encoded.annotations)
        source = Source.of(self.attention.score, annotations, None, encoded.lengths)
        first = torch.tanh(self.initial(encoded.backward)).unflatten(-1, (2, self.layers, -1))
        hidden, cell = first.unbind(1)
        return source, LuongState(hidden, cell, torch.zeros_like(hidden[:, -1]))

    def step(
        self,
        embedded: Float[Tensor, "B M"],
        state: LuongState,
        source: Source,
        *,
        return_weights: bool = False,
    ) -> Step:
        """One word further: ``embedded`` is the last word's vector.

        Raises:
            ShapeError: a vector of other features, or another batch than the source's.
        """
        expect(embedded, 2, self.embedding, "embedded (B, M)")
        expect_rows(source.key, embedded=embedded, state=state.hidden)
        fed = torch.cat([embedded, state.attentional], -1) if self.input_feeding else embedded
        top, (hidden, cell) = self.lstm(fed[:, None], _memory(state))
        context, weights = _look(self.attention, top[:, 0], source, return_weights)
        attentional = torch.tanh(self.combine(torch.cat([context, top[:, 0]], -1)))
        after = LuongState(hidden.transpose(0, 1), cell.transpose(0, 1), attentional)
        return Step(attentional, after, weights)

    def forward(
        self, embedded: Float[Tensor, "B T M"], encoded: Encoded, *, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Features ``(B, T, H)`` of a whole target, each from the words before it, and the weights
        ``(B, T, K)`` if asked.

        Raises:
            ShapeError: shapes that do not fit.
        """
        expect(embedded, 3, self.embedding, "embedded (B, T, M)")
        source, state = self.begin(encoded)
        expect_rows(source.key, embedded=embedded)
        if not embedded.shape[1]:
            return _nothing(state.attentional, source, return_weights)
        if self.input_feeding:
            features, rows = [], []
            for word in embedded.unbind(1):
                feature, state, row = self.step(word, state, source, return_weights=return_weights)
                features.append(feature)
                rows.append(row)
            features = torch.stack(features, 1)
            return (features, torch.stack(rows, 1)) if return_weights else features
        top, _ = self.lstm(embedded, _memory(state))
        context, weights = _read(self.attention, top, source, return_weights)
        features = torch.tanh(self.combine(torch.cat([context, top], -1)))
        return features if weights is None else (features, weights)


def _expect_encoded(encoded: Encoded, annotation: int, hidden: int) -> None:
    """Raise ``ShapeError`` unless a source has so many features."""
    expect(encoded.annotations, 3, annotation, "annotations (B, K, F)")
    expect(encoded.backward, 2, hidden, "backward (B, H)")
    expect_rows(encoded.annotations, backward=encoded.backward)


def _look(
    attention: Attention, query: Tensor, source: Source, return_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """What one query ``(B, H)`` reads, and its weights if asked."""
    context, weights = _read(attention, query[:, None], source, return_weights)
    return context[:, 0], None if weights is None else weights[:, 0]


def _read(
    attention: Attention, query: Tensor, source: Source, return_weights: bool
) -> tuple[Tensor, Tensor | None]:
    read = attention.read(
        query, source.key, source.value, mask=source.mask, return_weights=return_weights
    )
    return read if isinstance(read, tuple) else (read, None)


def _memory(state: LuongState) -> tuple[Tensor, Tensor]:
    """What torch's LSTM takes: layers first."""
    hidden, cell = (x.transpose(0, 1).contiguous() for x in state[:2])
    return hidden, cell


def _nothing(
    hidden: Float[Tensor, "B H"], source: Source, return_weights: bool
) -> Tensor | tuple[Tensor, Tensor]:
    """Features, and weights if asked, of a target of no words."""
    features = hidden[:, None][:, :0]
    weights = source.key.new_zeros(len(hidden), 0, source.key.shape[1])
    return (features, weights) if return_weights else features
