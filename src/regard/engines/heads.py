"""A call with some of its heads, as if the others were not there.

Heads are the third dimension from the right, those of the queries where several share keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

from regard.biases import Bias
from regard.engines.call import Call, Parts
from regard.errors import KindError, RangeError
from regard.grid import Grid, some_heads
from regard.masks import Extent, Mask
from regard.scores import Score

Heads = Sequence[int] | slice


def of_heads(call: Call, heads: Heads) -> tuple[Call, list[int]]:
    """A call that computes the heads asked for, and where in its result each of them is.

    Raises:
        KindError: neither a slice nor a sequence of integers.
        RangeError: a head that there is not, or scores that have no heads.
    """
    numbers = _numbers(call, heads)
    wanted = sorted(set(numbers))
    if len(wanted) == call.batch[-1]:
        # A function of the user's may hold numbers per head; here it need not know that some are
        # missing, and where they are, its shapes do not fit, and that is told.
        return call, numbers
    return _cut(call, wanted), [wanted.index(number) for number in numbers]


def _numbers(call: Call, heads: Heads) -> list[int]:
    if not call.batch:
        raise RangeError(
            "heads are the third dimension from the right, and scores (Q, K) have none"
        )
    count = call.batch[-1]
    if isinstance(heads, slice):
        return list(range(count))[heads]
    try:
        numbers = [index(number) for number in heads if not isinstance(number, bool)]
        if len(numbers) < len(heads):
            raise TypeError("booleans")
    except TypeError:
        raise KindError(
            f"heads is a slice or a list of integers, such as [0, 3], and it is {heads!r}"
        ) from None
    for number in numbers:
        if not -count <= number < count:
            raise RangeError(f"heads asks for head {number}, and there are {count}, from 0")
    return [number % count for number in numbers]


def _cut(call: Call, heads: list[int]) -> Call:
    parts, mask, bias = call.parts, call.parts.mask, call.parts.bias
    whole = call.grid
    cut = Parts(
        parts.score.of_heads(heads) if isinstance(parts.score, Score) else parts.score,
        None if bias is None else _Bias(bias, whole, heads, rules_out=bias.rules_out),
        None if mask is None else _Mask(mask, whole, heads),
        parts.normalizer,
    )
    of_keys = [head // call.groups for head in heads]
    query, key = some_heads(call.query, heads, -3), some_heads(call.key, of_keys, -3)
    batch = (*call.batch[:-1], len(heads))
    if isinstance(cut.score, Score):
        cut.score.check(query, key, batch)
    return Call(
        query=query,
        key=key,
        value=None if call.value is None else some_heads(call.value, of_keys, -3),
        parts=cut,
        dropout_p=call.dropout_p,
        groups=1,
        batch=batch,
        single=call.single,
        xp=call.xp,
    )


@dataclass(frozen=True, eq=False)
class _Mask(Mask):
    """A mask of all heads, asked about some."""

    inner: Mask
    whole: Grid
    heads: list[int]

    @property
    def per_key(self) -> bool:
        return self.inner.per_key

    def tile(self, grid: Grid) -> Any:
        tile = self.inner.tile(self.whole.at(grid.queries, grid.keys))
        return some_heads(tile, self.heads, -3)

    def extent(self, grid: Grid) -> Extent:
        return self.inner.extent(self.whole.at(grid.queries, grid.keys))


@dataclass(frozen=True, eq=False)
class _Bias(Bias):
    """A bias of all heads, asked about some."""

    inner: Bias
    whole: Grid
    heads: list[int]
    rules_out: bool

    def tile(self, grid: Grid) -> Any:
        tile = self.inner.tile(self.whole.at(grid.queries, grid.keys))
        return some_heads(tile, self.heads, -3)
