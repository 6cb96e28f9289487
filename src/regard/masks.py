"""Which keys a query may see. ``True`` means *may attend*, everywhere.

    causal() & padding(lengths)          keys up to the query's own position, none of the padding
    window(before=64, after=0)           the 64 keys before the query's position, and its own
    segments(ids) | dense(allowed)       masks combine with &, | and ~

A mask is a small value that knows nothing of the sizes until an engine asks it about a rectangle
of the (query, key) plane: ``tile`` gives the rectangle's truth values, ``extent`` the keys that a
block of queries can see at all, so that engines skip the rest, and ``spans`` the whole mask as two
numbers a query, where a query sees one run of keys (causal, window, padding, and their &).

Positions: query i of Q sits at position i + K − Q (the last query at the last key), key j at j.
``align="start"`` puts query i at i; ``query_positions`` and ``key_positions`` give any.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Int

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.grid import Array, Grid, shape_text

Align = Literal["end", "start"]


class Extent(NamedTuple):
    """Keys outside ``keys`` are ruled out for a block of queries; ``full``: all inside are seen."""

    keys: range
    full: bool


class Spans(NamedTuple):
    """Each query sees one run of keys, start ≤ j < stop, and all of it: ``(*#batch, q, 1)``."""

    start: Int[Array, "*#batch q 1"]
    stop: Int[Array, "*#batch q 1"]


class Mask:
    """A rule for pairs of positions; combine with ``&``, ``|`` and ``~``."""

    @property
    def sized(self) -> bool:
        """Whether it holds arrays, or a function, that may not fit the sizes of a call."""
        return True

    @property
    def per_key(self) -> bool:
        """Whether every query of a sequence may see the same keys."""
        return False

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        """Truth values for the rectangle; dimensions of 1 broadcast."""
        raise NotImplementedError(f"{type(self).__name__} must define tile(grid)")

    def extent(self, grid: Grid) -> Extent:
        """The keys that the rectangle's queries can see, at most; never too few."""
        return Extent(range(grid.n_keys), full=False)

    def spans(self, grid: Grid) -> Spans | None:
        """The mask as a run of keys for each query of the rectangle, where it has that form: two
        numbers a query say all, and fused kernels need no truth value of any pair."""
        return None

    def is_triangle(self, grid: Grid) -> bool:
        """Whether this is exactly: query i sees keys 0 … i (the form that torch has a flag for)."""
        return False

    def __and__(self, other: "Mask") -> "Mask":
        return And(self, _mask(other))

    def __or__(self, other: "Mask") -> "Mask":
        return Or(self, _mask(other))

    __rand__, __ror__ = __and__, __or__  # an array on the left gets the same explanation
    __array_ufunc__ = None

    def __invert__(self) -> "Mask":
        return Not(self)

    def __bool__(self) -> bool:
        raise KindError("a mask has no truth value: combine masks with & | ~, not and, or, not")


def _mask(other: object) -> Mask:
    if not isinstance(other, Mask):
        raise KindError(
            f"a mask combines with masks, not with {type(other).__name__}: "
            "wrap an array of booleans (True = may attend) in masks.dense(...)"
        )
    return other


@dataclass(frozen=True, eq=False)
class Window(Mask):
    """Keys at positions p − before … p + after of a query at p; ``None`` is without end."""

    before: int | None
    after: int | None
    align: Align
    query_positions: Any = None
    key_positions: Any = None

    @property
    def sized(self) -> bool:
        return self.query_positions is not None or self.key_positions is not None

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        query = self._positions(grid)
        if self.key_positions is None:
            key = grid.indices(grid.keys)[None, :]
        else:
            key = grid.per_key(self.key_positions, "key_positions")
        if self.before is None:
            return key <= query + self.after if self.after is not None else key == key
        near = key >= query - self.before
        return near if self.after is None else near & (key <= query + self.after)

    def _positions(self, grid: Grid) -> Int[Array, "*#batch q 1"]:
        if self.query_positions is not None:
            return grid.per_query(self.query_positions, "query_positions")
        offset = grid.n_keys - grid.n_queries if self.align == "end" else 0
        return grid.indices(grid.queries)[:, None] + offset

    def spans(self, grid: Grid) -> Spans | None:
        if self.key_positions is not None:
            return None
        query, keys, xp = self._positions(grid), grid.n_keys, grid.xp
        low = xp.zeros_like(query) if self.before is None else query - self.before
        high = xp.full_like(query, keys) if self.after is None else query + self.after + 1
        return Spans(xp.clip(low, 0, keys), xp.clip(high, 0, keys))

    def extent(self, grid: Grid) -> Extent:
        keys = grid.n_keys
        if self.sized:
            return Extent(self._keys_near(grid), full=False)
        offset = keys - grid.n_queries if self.align == "end" else 0
        first, last = grid.queries.start + offset, grid.queries.stop - 1 + offset

        def reach(position: int) -> tuple[int, int]:
            low = 0 if self.before is None else position - self.before
            high = keys if self.after is None else position + self.after + 1
            return min(max(low, 0), keys), max(min(high, keys), 0)

        hull = range(reach(first)[0], max(reach(last)[1], reach(first)[0]))
        return Extent(hull, full=all(reach(p) == (hull.start, hull.stop) for p in (first, last)))

    def _keys_near(self, grid: Grid) -> range:
        """Keys within the window of any query of the rectangle, by the positions given."""
        everything, xp = range(grid.n_keys), grid.xp
        # Asking a GPU for numbers would make it wait.
        if torch.compiler.is_compiling() or "cpu" not in str(grid.device):
            return everything
        query, rows = self._positions(grid), grid.at(grid.queries, everything)
        if self.key_positions is None:
            key = grid.indices(everything)[None, :]
        else:
            key = rows.per_key(self.key_positions, "key_positions")
        if not len(everything) or not math.prod(query.shape):
            return everything
        near = xp.ones_like(key, dtype=xp.bool)
        if self.before is not None:
            near = near & (key >= xp.min(query) - self.before)
        if self.after is not None:
            near = near & (key <= xp.max(query) + self.after)
        found = xp.nonzero(xp.any(xp.reshape(near, (-1, grid.n_keys)), axis=0))[0]
        return range(int(found[0]), int(found[-1]) + 1) if len(found) else range(0)

    def is_triangle(self, grid: Grid) -> bool:
        straight = self.align == "start" or grid.n_queries == grid.n_keys
        return straight and self.before is None and self.after == 0 and not self.sized


@dataclass(frozen=True, eq=False)
class Padding(Mask):
    """Key j of batch row b is seen where j < lengths[b]."""

    lengths: Any

    @property
    def per_key(self) -> bool:
        return True

    def tile(self, grid: Grid) -> Bool[Array, "*#batch 1 k"]:
        return grid.indices(grid.keys)[None, :] < self._stop(grid)

    def spans(self, grid: Grid) -> Spans:
        stop = grid.xp.clip(self._stop(grid), 0, grid.n_keys)
        return Spans(grid.xp.zeros_like(stop), stop)

    def _stop(self, grid: Grid) -> Int[Array, "*#batch 1 1"]:
        return grid.per_row_of_batch(self.lengths, "masks.padding(lengths)")


@dataclass(frozen=True, eq=False)
class Segments(Mask):
    """Query i sees key j where both carry the same id."""

    query_ids: Any
    key_ids: Any

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        query = grid.per_query(self.query_ids, "query_ids of masks.segments")
        key = grid.per_key(self.key_ids, "key_ids of masks.segments")
        return query == key


@dataclass(frozen=True, eq=False)
class Dense(Mask):
    """An array of booleans."""

    allowed: Any

    @property
    def per_key(self) -> bool:
        return self.allowed.shape[-2] == 1

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return grid.dense(self.allowed, "masks.dense(allowed)")


@dataclass(frozen=True, eq=False)
class Predicate(Mask):
    """A function of the indices of query and key."""

    function: Callable[[Any, Any], Any]

    def tile(self, grid: Grid) -> Bool[Array, "q k"]:
        query, key = grid.indices(grid.queries)[:, None], grid.indices(grid.keys)[None, :]
        allowed = self.function(query, key)
        if getattr(allowed, "dtype", None) != grid.xp.bool:
            raise KindError(
                "the function of masks.predicate gets indices of queries (q, 1) and keys (1, k) "
                f"and must give booleans, and gave {getattr(allowed, 'dtype', type(allowed))}"
            )
        rectangle = (len(grid.queries), len(grid.keys))
        if not all(
            have in (1, want)
            for have, want in zip(allowed.shape[::-1], rectangle[::-1], strict=False)
        ):
            raise ShapeError(
                "the function of masks.predicate gets indices of queries (q, 1) and keys (1, k), "
                f"here {rectangle[0]} and {rectangle[1]} of them, and must give (q, k) or what "
                f"broadcasts to it; it gave {shape_text(tuple(allowed.shape))}"
            )
        return grid.xp.broadcast_to(allowed, rectangle)


@dataclass(frozen=True, eq=False)
class Both(Mask):
    """What two masks have in common, however they are combined."""

    left: Mask
    right: Mask

    @property
    def sized(self) -> bool:
        return self.left.sized or self.right.sized

    @property
    def per_key(self) -> bool:
        return self.left.per_key and self.right.per_key


class And(Both):
    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return self.left.tile(grid) & self.right.tile(grid)

    def spans(self, grid: Grid) -> Spans | None:
        left, right = self.left.spans(grid), self.right.spans(grid)
        if left is None or right is None:
            return None
        start = grid.xp.maximum(left.start, right.start)
        return Spans(start, grid.xp.maximum(start, grid.xp.minimum(left.stop, right.stop)))

    def extent(self, grid: Grid) -> Extent:
        left, right = self.left.extent(grid), self.right.extent(grid)
        start = max(left.keys.start, right.keys.start)
        keys = range(start, max(start, min(left.keys.stop, right.keys.stop)))
        return Extent(keys, full=left.full and right.full)


class Or(Both):
    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return self.left.tile(grid) | self.right.tile(grid)

    def extent(self, grid: Grid) -> Extent:
        left, right = self.left.extent(grid), self.right.extent(grid)
        keys = range(min(left.keys.start, right.keys.start), max(left.keys.stop, right.keys.stop))
        return Extent(keys, full=any(side.full and side.keys == keys for side in (left, right)))


@dataclass(frozen=True, eq=False)
class Not(Mask):
    inner: Mask

    @property
    def sized(self) -> bool:
        return self.inner.sized

    @property
    def per_key(self) -> bool:
        return self.inner.per_key

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return ~self.inner.tile(grid)


def causal(
    *,
    align: Align = "end",
    query_positions: Int[Array, "*batch Q"] | None = None,
    key_positions: Int[Array, "*batch K"] | None = None,
) -> Mask:
    """A query at position p sees the keys at positions ≤ p.

    Args:
        align: ``"end"`` puts the last query at the last key (right for a cache, and the usual
            triangle where Q == K); ``"start"`` the first query at the first key.
        query_positions: positions of the queries, ``(Q,)`` or one row per row of the batch.
        key_positions: positions of the keys, likewise.

    >>> import regard, torch
    >>> regard.weights(torch.zeros(2, 1), torch.zeros(3, 1), mask=causal())
    tensor([[0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    return Window(None, 0, _align(align), query_positions, key_positions)


def window(
    before: int | None,
    after: int | None,
    *,
    align: Align = "end",
    query_positions: Int[Array, "*batch Q"] | None = None,
    key_positions: Int[Array, "*batch K"] | None = None,
) -> Mask:
    """A query at position p sees the keys at p − before … p + after, both included.

    Args:
        before: how many keys (tokens) before its position a query sees; None: all.
        after: how many after it; None: all.
        align, query_positions, key_positions: as in ``causal``.

    Raises:
        RangeError: a negative width.
    """
    for name, width in (("before", before), ("after", after)):
        if width is not None and not isinstance(width, int):
            raise KindError(f"masks.window wants {name} as a number of tokens, not {width!r}")
        if width is not None and width < 0:
            raise RangeError(f"masks.window wants {name} ≥ 0 tokens, and {name} is {width}")
    return Window(before, after, _align(align), query_positions, key_positions)


def padding(lengths: Int[Array, "*batch"] | list[int]) -> Mask:
    """Row b of the batch has ``lengths[b]`` keys (tokens); those behind them are padding.

    Args:
        lengths: one per row of the batch; a number where there is no batch. They belong to the
            leftmost dimensions of the scores, never to the heads.

    Raises:
        KindError: booleans, which are a mask already.
    """
    if _dtype(lengths) == "bool":
        raise KindError(
            "masks.padding wants lengths, how many keys each row of the batch has, and got "
            "booleans: write masks.dense(allowed) with allowed (Q, K) or (*batch, Q, K), where a "
            "dimension of 1 broadcasts and True = may attend"
        )
    return Padding(lengths)


def segments(
    query_ids: Int[Array, "*batch Q"], key_ids: Int[Array, "*batch K"] | None = None
) -> Mask:
    """A query sees the keys of its own segment: packed sequences, documents, sentences.

    ``key_ids`` defaults to ``query_ids`` (self-attention). Both belong to the leftmost dimensions.
    """
    return Segments(query_ids, query_ids if key_ids is None else key_ids)


def dense(allowed: Bool[Array, "*batch Q K"]) -> Mask:
    """Any mask, as booleans ``(Q, K)`` or of full rank ``(*batch, Q, K)``; True = may attend.

    Raises:
        KindError: the values are not booleans (numbers to add are ``biases.dense``).
    """
    if _dtype(allowed) != "bool":
        raise KindError(
            "masks.dense wants booleans, True = may attend, and got "
            f"{getattr(allowed, 'dtype', type(allowed).__name__)}; "
            "numbers to add to the scores go to bias=biases.dense(...)"
        )
    return Dense(allowed)


def predicate(function: Callable[[Any, Any], Any]) -> Mask:
    """Any rule, as a function of the indices of query ``(q, 1)`` and key ``(1, k)``.

    The indices count from 0 in the whole sequence, whatever block is being computed.

    >>> every_other = predicate(lambda q, k: (q + k) % 2 == 0)
    """
    return Predicate(function)


def _dtype(values: object) -> str:
    return str(getattr(values, "dtype", None)).rpartition(".")[2]


def _align(align: str) -> Align:
    if align not in ("end", "start"):
        raise UnknownName(f"align is 'end' or 'start', not {align!r}")
    return align  # pyright: ignore[reportReturnType]
