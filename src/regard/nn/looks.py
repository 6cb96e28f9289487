"""How a decoder reads its source: globally, through a window, at one place, with a memory, not.

The layers of attention are called in ways of their own. A ``Look`` gives a decoder the same four
words for each: make the source ready, remember nothing yet, read one step, read all steps. What it
gives for one step are weights, which the decoder multiplies with what it needs a mean of.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import weights
from regard.engines.call import autocasts
from regard.errors import KindError
from regard.nn.attention import Attention
from regard.nn.decoders import Chance
from regard.nn.fixed import FixedVector, MeanVector
from regard.nn.hard import HardAttention
from regard.nn.local import LocalAttention
from regard.nn.recurrent import RecurrentAlignment
from regard.nn.source import Source
from regard.normalizers import NORMALIZERS, settled
from regard.scores import Bilinear, Dot, Location, ScaledDot, Score
from regard.witness import told


class Glance(NamedTuple):
    """The weights ``(B, K)`` of one step, what the look remembers after it, and the chances."""

    weights: Tensor
    seen: Any
    chance: Chance | None = None


class Gaze(NamedTuple):
    """What all steps read: contexts ``(B, T, V)``, weights ``(B, T, K)`` if asked, the chances."""

    contexts: Tensor
    weights: Tensor | None
    chance: Chance | None = None


Reader: TypeAlias = Callable[[Tensor, Any], Glance]
"""One step: a query ``(B, E)`` and what is remembered."""


class Look(Protocol):
    """How a source is read."""

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        """The source, with what is done once for all steps."""
        ...

    def first(self, source: Source) -> Any:
        """What is remembered before the first step: a NamedTuple of tensors, or ()."""
        ...

    def reader(self, source: Source) -> Reader:
        """One step after the other; what is the same for all steps is done here."""
        ...

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        """All steps from the first, for queries ``(B, T, E)`` that are known beforehand."""
        ...


INNER = (Dot, ScaledDot, Bilinear, Location)
"""Scores that are one product of matrices, whatever query and key are."""

FEW = 2**12
"""Pairs of a query and a key of a sentence: for no more of them the formula, which writes their
scores down, is faster than an engine."""


class Global:
    """Every annotation, softly."""

    def __init__(self, layer: Attention) -> None:
        self.layer = layer

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        return Source.of(self.layer.score, annotations, None, lengths)

    def first(self, source: Source) -> Any:
        return ()

    def reader(self, source: Source) -> Reader:
        layer, score = self.layer, self.layer.score()
        normalizer = settled(layer.normalizer, training=layer.training)
        formula = isinstance(score, Score) and normalizer in NORMALIZERS.values()
        rows_of = self._formula(source, range(1)) if formula else self._asked(source)

        def read(query: Tensor, seen: Any) -> Glance:
            rows = told(rows_of(query[:, None]))[:, 0]
            return Glance(F.dropout(rows, layer.dropout, layer.training), seen)

        return read

    def _asked(self, source: Source) -> Callable[[Tensor], Tensor]:
        """The weights ``(B, T, K)`` of queries ``(B, T, E)``, by an engine: it shields what a
        user's score or normalizer must not see."""
        layer, score = self.layer, self.layer.score()
        normalizer = settled(layer.normalizer, training=layer.training)

        def rows_of(query: Tensor) -> Tensor:
            query, mask = layer.score.query(query), source.mask
            rows = weights(query, source.key, score=score, mask=mask, normalizer=normalizer)
            assert isinstance(rows, Tensor)
            return rows

        return rows_of

    def _formula(self, source: Source, queries: range) -> Callable[[Tensor], Tensor]:
        """The weights ``(B, T, K)`` of queries ``(B, T, E)``, from the formula alone.

        A score of this library is finite on the zeros that stand in the padding, so that a few
        queries need nothing of an engine but the formula: its checks would take as long.
        """
        layer, score = self.layer, self.layer.score()
        assert isinstance(score, Score)
        normalizer = settled(layer.normalizer, training=layer.training)
        allowed = _allowed(source)
        at = score.at(queries, range(source.key.shape[1]))
        key, kind = _widened(source.key), source.key.device.type

        def rows_of(query: Tensor) -> Tensor:
            query = layer.score.query(query)
            if not autocasts(kind):
                return normalizer(at(_widened(query), key), allowed)
            with torch.autocast(kind, enabled=False):
                return normalizer(at(_widened(query), key), allowed)

        return rows_of

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        known = self.layer.normalizer in NORMALIZERS.values() and not self.layer.dropout
        steps, keys = query.shape[1], source.key.shape[1]
        if known and steps * keys <= FEW and isinstance(self.layer.score(), INNER):
            rows = told(self._formula(source, range(steps))(query))
            contexts = rows.to(source.value.dtype) @ source.value
            return Gaze(contexts, rows if return_weights else None)
        read = self.layer.read(
            query, source.key, source.value, mask=source.mask, return_weights=return_weights
        )
        return Gaze(*read) if isinstance(read, tuple) else Gaze(read, None)


class Position(NamedTuple):
    """t, how many steps have been read, ``(B,)``."""

    position: Tensor


class Local:
    """A window, that moves on by an annotation a step or is predicted."""

    def __init__(self, layer: LocalAttention) -> None:
        self.layer = layer

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        return self.layer.begin(annotations, None, lengths)

    def first(self, source: Source) -> Any:
        return () if self.layer.predictive else Position(torch.zeros_like(source.lengths))

    def reader(self, source: Source) -> Reader:
        def read(query: Tensor, seen: Any) -> Glance:
            position = None if self.layer.predictive else seen.position[:, None]
            _, rows = self.layer.read(
                query[:, None], source, positions=position, return_weights=True
            )
            return Glance(rows[:, 0], () if position is None else Position(seen.position + 1))

        return read

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        read = self.layer.read(query, source, return_weights=return_weights)
        return Gaze(*read) if isinstance(read, tuple) else Gaze(read, None)


class Coins(NamedTuple):
    """Which rows take the expectation for the sample, ``(B,)``: thrown once for a target."""

    expected: Tensor


class Hard:
    """One place, drawn in training; its weights are what stood in their place."""

    def __init__(self, layer: HardAttention) -> None:
        self.layer = layer

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        return self.layer.begin(annotations, None, lengths)

    def first(self, source: Source) -> Any:
        return Coins(self.layer.coins(source))

    def reader(self, source: Source) -> Reader:
        def read(query: Tensor, seen: Any) -> Glance:
            found = self.layer.read(query[:, None], source, expected=seen.expected)
            chance = Chance(found.log_prob[:, 0], found.entropy[:, 0])
            return Glance(found.sample[:, 0], seen, chance)

        return read

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        found = self.layer.read(query, source)
        sample = found.sample if return_weights else None
        return Gaze(found.context, sample, Chance(found.log_prob, found.entropy))


class Remembering:
    """Attention whose weights depend on those before them, such as coverage."""

    def __init__(self, layer: RecurrentAlignment) -> None:
        self.layer = layer

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        return self.layer.begin(annotations, None, lengths)[0]

    def first(self, source: Source) -> Any:
        return self.layer.first(source)

    def reader(self, source: Source) -> Reader:
        def read(query: Tensor, seen: Any) -> Glance:
            rows, seen = self.layer.look(self.layer.score.query(query[:, None]), source, seen)
            return Glance(told(rows)[:, 0], seen)

        return read

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        projected = self.layer.score.query(query)
        rows, _ = self.layer.align(projected, source, self.layer.first(source))
        contexts = told(rows).to(source.value.dtype) @ source.value
        return Gaze(contexts, rows if return_weights else None)


class Fixed:
    """The source as one vector, which is one place of weight 1."""

    def __init__(self, layer: FixedVector | MeanVector) -> None:
        self.layer = layer

    def ready(self, annotations: Tensor, lengths: Any) -> Source:
        summary = self.layer(annotations, lengths)[:, None]
        return Source(summary, summary, torch.ones_like(torch.as_tensor(lengths)))

    def first(self, source: Source) -> Any:
        return ()

    def reader(self, source: Source) -> Reader:
        ones = source.key.new_ones(len(source.key), 1)
        return lambda _, seen: Glance(ones, seen)

    def whole(self, query: Tensor, source: Source, *, return_weights: bool) -> Gaze:
        rows = query.new_ones(*query.shape[:2], 1)
        return Gaze(source.value.expand(-1, query.shape[1], -1), rows if return_weights else None)


def look_of(layer: nn.Module) -> Look:
    """How a decoder reads with a layer.

    Raises:
        KindError: a layer that is no attention of a decoder.
    """
    match layer:
        case Attention():
            return Global(layer)
        case LocalAttention():
            return Local(layer)
        case HardAttention():
            return Hard(layer)
        case RecurrentAlignment():
            return Remembering(layer)
        case FixedVector() | MeanVector():
            return Fixed(layer)
    raise KindError(
        "a decoder reads with regard.nn's Attention, LocalAttention, HardAttention, "
        f"CoverageAttention, FixedVector or MeanVector, not with {type(layer).__name__}"
    )


def _allowed(source: Source) -> Tensor | None:
    """Which keys may be seen ``(B, 1, K)``; None: all, which only a CPU is asked about."""
    size = source.key.shape[1]
    if source.key.device.type == "cpu" and bool((source.lengths == size).all()):
        return None
    places = torch.arange(size, device=source.key.device)
    return (places < source.lengths[:, None])[:, None]


def _widened(x: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Halves as floats: the scores of an engine are made of them too."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
