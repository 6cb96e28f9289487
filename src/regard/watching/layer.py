"""What a watched module attended to: its calls, and all of them as one where they go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import index

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.engines.summaries import TopWeights, how_many
from regard.errors import KindError, RangeError, WatchError
from regard.watching.sources import Heads, Source

Chosen = Sequence[int] | int | slice | None
"""Heads that are asked for: their numbers, or all."""

Rows = int | slice
"""Rows of the batch; of one its axis is kept."""


@dataclass(eq=False, slots=True)  # made in the midst of a model's own work
class Call:
    """One call of an attention: B rows of a batch, H heads, Q queries over K keys.

    ``weights``, ``top`` and ``key_totals`` compute what they are asked for, anew each time, in
    float32 (float64 of a model in float64), without gradients. They are what the model's own
    attention used, before dropout.

    Attributes:
        name: of the module that made it.
        shape: ``(B, H, Q, K)``.
        source: what the weights are made of; None once that was dropped.
        lost: why it was dropped.
    """

    name: str
    shape: tuple[int, int, int, int]
    source: Source | None = field(repr=False)
    lost: str = field(default="", repr=False)

    def weights(
        self, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> Float[Tensor, "B H Q K"]:
        """The weights: of all heads, queries and rows of the batch, or of some.

        Raises:
            WatchError: the call was dropped, or what it attended with has been written over.
            RangeError: a head or a row that there is not; queries with a step.
        """
        return self._kept.weights(*self._asked(heads, queries, batch))

    def top(
        self, k: int, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> TopWeights:
        """The k largest weights of each query, falling, and their keys (−1 where there are no more
        keys): ``weights`` and ``indices``, both ``(B, H, Q, k)``. No row of weights is kept.

        Raises:
            KindError, RangeError: a k that is no whole number, or below 1.
        """
        return self._kept.top(how_many(k), *self._asked(heads, queries, batch))

    def key_totals(
        self, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> Float[Tensor, "B H K"]:
        """What each key receives, summed over the queries."""
        return self._kept.key_totals(*self._asked(heads, queries, batch))

    @property
    def storages(self) -> tuple[tuple[int, int], ...]:
        """Where the memory is that it keeps alive, and how many bytes."""
        return () if self.source is None else tuple(k.storage for k in self.source.tensors)

    @property
    def _kept(self) -> Source:
        if self.source is None:
            raise WatchError(f"{self.name}: {self.lost}")
        return self.source

    def _asked(self, heads: Chosen, queries: slice, batch: Rows) -> tuple[Heads, slice, slice]:
        return (
            numbers(heads, self.shape[1]),
            stretch(queries, self.shape[2]),
            rows(batch, self.shape[0]),
        )


@dataclass(eq=False)
class Layer:
    """All calls of one module.

    A decoder with a cache calls its attention once a step. Where the calls go on in this way, the
    layer is all of them as one: the queries of all calls, one after the other, over the keys of the
    last; a key that was not there yet has weight 0. Of other calls choose one: ``layer.calls[0]``.
    """

    name: str
    calls: list[Call] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, heads, queries, keys.

        Raises:
            WatchError: the calls do not go on from one another.
        """
        first, last = self._joined[0].shape, self.calls[-1].shape
        return first[0], first[1], sum(call.shape[2] for call in self.calls), last[3]

    def weights(
        self, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> Float[Tensor, "B H Q K"]:
        """As ``Call.weights``, of all calls."""
        keys = self.shape[3]
        parts = (call.weights(heads, some, batch) for call, some in self._parts(queries))
        return torch.cat([F.pad(part, (0, keys - part.shape[-1])) for part in parts], -2)

    def top(
        self, k: int, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> TopWeights:
        """As ``Call.top``, of all calls."""
        parts = [call.top(k, heads, some, batch) for call, some in self._parts(queries)]
        return TopWeights(*(torch.cat(both, -2) for both in zip(*parts, strict=True)))

    def key_totals(
        self, heads: Chosen = None, queries: slice = slice(None), batch: Rows = slice(None)
    ) -> Float[Tensor, "B H K"]:
        """As ``Call.key_totals``, of all calls."""
        keys = self.shape[3]
        parts = (call.key_totals(heads, some, batch) for call, some in self._parts(queries))
        return torch.stack([F.pad(part, (0, keys - part.shape[-1])) for part in parts]).sum(0)

    @property
    def _joined(self) -> list[Call]:
        for one, other in zip(self.calls, self.calls[1:], strict=False):
            if not _goes_on(one.shape, other.shape):
                raise WatchError(
                    f"{self.name} attended {len(self.calls)} times, and not from one step to the "
                    f"next ((batch, heads, queries, keys): {one.shape}, then {other.shape}): "
                    "choose one of its calls, .calls[0]"
                )
        return self.calls

    def _parts(self, queries: slice) -> Iterable[tuple[Call, slice]]:
        """The calls that made these queries, and which queries of each."""
        calls, asked = self._joined, stretch(queries, self.shape[2])
        start, empty = 0, True
        for call in calls:
            stop = start + call.shape[2]
            low, high = max(asked.start, start), min(asked.stop, stop)
            if low < high:
                empty = False
                yield call, slice(low - start, high - start)
            start = stop
        if empty:
            yield calls[-1], slice(0, 0)


def _goes_on(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether a call follows another as the step of a decoder does: over keys that have grown by
    its own queries, or, of one query, over the same keys."""
    grown = other[3] == one[3] + other[2]
    return one[:2] == other[:2] and (grown or (other[2] == 1 and other[3] == one[3]))


def numbers(heads: Chosen, count: int) -> Heads:
    """Heads as their numbers; None for all of them.

    Raises:
        KindError: what are no integers.
        RangeError: a head that there is not.
    """
    if heads is None:
        return None
    if isinstance(heads, slice):
        return list(range(count))[heads]
    try:
        found = [index(head) for head in ([heads] if isinstance(heads, int) else heads)]
    except TypeError:
        raise KindError(f"heads are numbers such as [0, 3], and came as {heads!r}") from None
    for head in found:
        if not -count <= head < count:
            raise RangeError(f"head {head} is asked for, and there are {count}, from 0")
    return [head % count for head in found]


def stretch(queries: slice, count: int) -> slice:
    """A slice of queries with its ends.

    Raises:
        KindError: what is no slice.
        RangeError: a step.
    """
    if not isinstance(queries, slice):
        raise KindError(f"queries is a slice, such as slice(0, 4), and it is {queries!r}")
    start, stop, step = queries.indices(count)
    if step != 1:
        raise RangeError(f"queries is a slice of step 1, and its step is {step}")
    return slice(start, max(start, stop))


def rows(batch: Rows, count: int) -> slice:
    """Rows of the batch as a slice.

    Raises:
        RangeError: a row that there is not.
    """
    if isinstance(batch, slice):
        return batch
    if not -count <= index(batch) < count:
        raise RangeError(f"row {batch} of the batch is asked for, and there are {count}, from 0")
    return slice(index(batch) % count, index(batch) % count + 1)
