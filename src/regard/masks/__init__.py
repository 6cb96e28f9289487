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

from collections.abc import Callable
from typing import Any

from jaxtyping import Bool, Int

from regard.errors import KindError, RangeError
from regard.grid import Array
from regard.masks.mask import And, Extent, Mask, Not, Or, Spans
from regard.masks.rules import Dense, Padding, Predicate, Segments, Window
from regard.positions import Align, Positions, aligned


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
    return Window(None, 0, Positions(aligned(align), query_positions, key_positions))


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
    return Window(before, after, Positions(aligned(align), query_positions, key_positions))


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


__all__ = [
    "Align",
    "And",
    "Dense",
    "Extent",
    "Mask",
    "Not",
    "Or",
    "Padding",
    "Predicate",
    "Segments",
    "Spans",
    "Window",
    "causal",
    "dense",
    "padding",
    "predicate",
    "segments",
    "window",
]
