"""What recurrent decoders that attend have in common: the source, their states, what they give.

Decoders take one step at a time (``step``, for decoding) or a whole target at once
(``forward``, for training by teacher forcing), and give features from which a word is predicted. A
state is a NamedTuple of tensors whose first dimension is the batch, so that a search can reorder
it; a part that a decoder has no use for is ``()``.

BahdanauDecoder   attention before the state moves     nn/bahdanau.py
LuongDecoder      attention after it                   nn/luong.py
XuDecoder         Bahdanau's order, with a gate        nn/xu.py
how the source is read                                 nn/looks.py
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import KindError, UnknownName
from regard.masks import Mask, padding
from regard.nn.attention import Attention
from regard.nn.cells import GATES
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


class BahdanauState(NamedTuple):
    """The hidden state ``(B, H)`` of the top layer; those of the layers below; the cell states of
    all layers, if they are LSTMs; and what the attention remembers."""

    hidden: Tensor
    below: tuple[Tensor, ...] = ()
    cells: tuple[Tensor, ...] = ()
    seen: Any = ()


GRUState = BahdanauState


class LuongState(NamedTuple):
    """Hidden and cell states ``(B, layers, H)`` (a GRU has no cell), the last attentional vector
    h̃ ``(B, H)``, and what the attention remembers."""

    hidden: Tensor
    cell: Any
    attentional: Tensor
    seen: Any = ()


class Step(NamedTuple):
    """Features ``(B, R)``, the state after them, and the weights ``(B, K)`` if they were asked."""

    features: Tensor
    state: Any
    weights: Tensor | None


class Chance(NamedTuple):
    """What REINFORCE needs to know of hard attention, ``(B,)`` of a step or ``(B, T)``: log p(s̃)
    and the entropy of α (nats)."""

    log_prob: Tensor
    entropy: Tensor


class Written(NamedTuple):
    """All that a decoder says: features ``(B, T, R)``, the states ``(B, T, H)`` that asked, the
    contexts ``(B, T, F)`` that they got, the weights ``(B, T, K)`` if asked, and the chances
    ``(B, T)`` of hard attention. Of one step: without T."""

    features: Tensor
    query: Tensor
    context: Tensor
    weights: Tensor | None
    chance: Chance | None = None


class RecurrentDecoder(nn.Module):
    """The frame of the decoders: what is said of one word, and of a whole target, as callers ask
    for it. A decoder of this kind defines ``begin``, ``one`` and ``whole``."""

    def __init__(
        self, embedding: int, hidden: int, annotation: int, *, layers: int, cell: str
    ) -> None:
        super().__init__()
        name = type(self).__name__
        sizes(name, embedding=embedding, hidden=hidden, annotation=annotation, layers=layers)
        if cell not in GATES:
            raise UnknownName(f"a decoder's cell is 'gru' or 'lstm', not {cell!r}")
        self.embedding, self.hidden, self.annotation = embedding, hidden, annotation
        self.layers = layers

    def begin(self, encoded: Any) -> tuple[Source, Any]:
        """The source made ready, and the state before the first word."""
        raise NotImplementedError(f"{type(self).__name__} must define begin(encoded)")

    def one(self, embedded: Tensor, state: Any, source: Source) -> tuple[Written, Any]:
        """All that is said of one word, and the state after it; as ``step``."""
        raise NotImplementedError(f"{type(self).__name__} must define one(embedded, state, source)")

    def whole(self, embedded: Tensor, encoded: Any, *, return_weights: bool = False) -> Written:
        """All that is said of a whole target; as ``forward``."""
        raise NotImplementedError(f"{type(self).__name__} must define whole(embedded, encoded)")

    def step(
        self,
        embedded: Float[Tensor, "B M"],
        state: Any,
        source: Source,
        *,
        return_weights: bool = False,
    ) -> Step:
        """One word further: ``embedded`` is the last word's vector.

        Raises:
            ShapeError: a vector of other features, or another batch than the source's.
        """
        written, after = self.one(embedded, state, source)
        return Step(written.features, after, written.weights if return_weights else None)

    def forward(
        self, embedded: Float[Tensor, "B T M"], encoded: Any, *, return_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Features ``(B, T, R)`` of a whole target, each from the words before it, and the weights
        ``(B, T, K)`` if asked.

        Raises:
            ShapeError: shapes that do not fit.
        """
        written = self.whole(embedded, encoded, return_weights=return_weights)
        if not return_weights:
            return written.features
        assert written.weights is not None
        return written.features, written.weights


def chances_of(steps: Iterable[Chance | None]) -> Chance | None:
    """The chances of steps one after another, as those of all: ``(B, T)``."""
    drawn = [chance for chance in steps if chance is not None]
    if not drawn:
        return None
    return Chance(*(torch.stack(part, 1) for part in zip(*drawn, strict=True)))


def expect_encoded(encoded: Encoded, annotation: int, hidden: int) -> None:
    """Raise ``ShapeError`` unless a source has so many features."""
    expect(encoded.annotations, 3, annotation, "annotations (B, K, F)")
    expect(encoded.backward, 2, hidden, "backward (B, H)")
    expect_rows(encoded.annotations, backward=encoded.backward)


def attention_of(
    hidden: int,
    annotation: int,
    score: AnyScore | str,
    places: int | None,
    normalizer: Normalizer | str,
) -> Attention:
    """Global attention of a state to annotations, or to their projection, where the score's name
    is one that wants as many features of both."""
    matched = isinstance(score, str) and canonical(score) in ALIKE
    read = hidden if matched else annotation
    return Attention(hidden, read, score=score, places=places, normalizer=normalizer)


def bridge_of(attention: nn.Module, annotation: int) -> tuple[nn.Module, int]:
    """What brings annotations to the features that an attention reads, and how many they are.

    Raises:
        KindError: what is no attention of a decoder.
    """
    read = getattr(attention, "key_features", None)
    if not isinstance(read, int):
        raise KindError(
            "a decoder reads with regard.nn's Attention, LocalAttention, HardAttention, "
            f"CoverageAttention, FixedVector or MeanVector, not with {type(attention).__name__}"
        )
    return (nn.Identity() if read == annotation else Projection(annotation, read)), read


def nothing(
    hidden: Float[Tensor, "B H"], source: Source, features: int, *, return_weights: bool
) -> Written:
    """What is written for a target of no words."""
    none = source.value.new_zeros(len(hidden), 0, source.key.shape[1])
    contexts = source.value.new_zeros(len(hidden), 0, source.value.shape[-1])
    empty = hidden.new_zeros(len(hidden), 0, features)
    queries = hidden[:, None][:, :0]
    return Written(empty, queries, contexts, none if return_weights else None)
