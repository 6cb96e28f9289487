"""Blocks of queries: how engines keep nothing of size Q×K.

The queries are cut into blocks; a block meets only the keys that its mask lets it see; its result
is computed, and in the backward pass computed again (``recompute``: gradients reach everything
that took part, tensors in a function's closure too).
"""

from collections.abc import Callable, Iterator
from itertools import chain
from math import isqrt, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.engines.call import Call
from regard.engines.recompute import remembered
from regard.engines.scratch import Scratch, tidy
from regard.grid import Grid
from regard.normalizers import softmax
from regard.scores import Score

PAIRS_AT_ONCE = 2**20
"""Pairs (query, key) whose scores exist at one time, or numbers of them, where a score makes
features of each pair: 4 MiB in float32, and some times that while they are worked on. Calls with
fewer are not cut."""

WIDER = 16
"""So many times that on other devices than the CPU, which have no cache to keep to, and where a
call of a small block takes as long as one of a large block."""

TILE = 2**17
"""Features of pairs that exist at one time where no gradient is recorded: 512 KiB in float32, of
which some fit the cache of a core."""

FEWEST = 4
"""Queries of a block, at least, where a score makes features of each pair: a block's share of the
gradient of the keys is as large as the features of one query."""

PIECE = 128
"""Keys are cut into pieces of this length where blocks see different ranges of them."""


class Block(NamedTuple):
    queries: range
    keys: range


def cut(
    call: Call, queries: range, pairs_per_row: int, fewest: int = 1, most: int | None = None
) -> list[Block]:
    """Blocks that cover ``queries``, with at most ``PAIRS_AT_ONCE`` pairs each if a row allows;
    finer where the mask is a narrow band, so that what is outside it is hardly touched.

    Args:
        pairs_per_row: what one query costs, in pairs, over all keys and the batch.
        fewest, most: queries of a block, whatever their pairs.
    """
    count, keys, limit = len(queries), call.n_keys, PAIRS_AT_ONCE * breadth(call)
    if pairs_per_row * count <= limit:
        return [block_of(call, queries)]
    rows = limit // pairs_per_row
    span = _span(call, queries)
    # In a band, a block of r queries meets span + r keys; with r = span half of them are in it.
    in_band = (isqrt(span**2 + 4 * limit * keys // pairs_per_row) - span) // 2
    in_band = min(max(span, PIECE), in_band)
    if span + in_band < keys:
        rows = in_band
    rows = max(min(rows, most or rows), fewest)
    starts = range(queries.start, queries.stop, rows)
    return [block_of(call, range(start, min(start + rows, queries.stop))) for start in starts]


def cut_rows(call: Call, queries: range) -> list[Block]:
    """Blocks for engines that write down weights, by what the call's score makes of a pair."""
    per_row, per_pair = prod(call.batch) * call.n_keys, numbers_per_pair(call)
    if per_pair == 1:
        # Where scores become weights in their own place, a pair costs no memory besides.
        in_place = call.parts.normalizer is softmax and not call.wants_gradients
        return cut(call, queries, -(-per_row // 4) if in_place else per_row)
    if call.wants_gradients or breadth(call) > 1:
        return cut(call, queries, per_row * per_pair, FEWEST)
    # Such blocks are cut into tiles along the keys, too; these are about as wide as high.
    pairs = TILE // max(prod(call.batch) * per_pair, 1)
    return cut(call, queries, per_row, most=max(isqrt(pairs), FEWEST))


def numbers_per_pair(call: Call) -> int:
    """1, or the features that a pairwise score makes of a pair, as a rule."""
    score = call.parts.score
    if isinstance(score, Score) and not score.pairwise:
        return 1
    return max(call.query.shape[-1], call.key.shape[-1], 1)


def breadth(call: Call) -> int:
    """How much larger blocks may be than on the CPU."""
    return 1 if not call.is_torch or call.query.device.type == "cpu" else WIDER


def _span(call: Call, queries: range) -> int:
    """How many keys a query sees, at the beginning, in the middle or at the end."""
    some = (queries[0], queries[len(queries) // 2], queries[-1])
    return max(len(block_of(call, range(place, place + 1)).keys) for place in some)


def run(call: Call, queries: range, blocks: list[Block], compute: Callable[..., Any]) -> Any:
    """``compute(grid, query, key, value)`` of every block, joined along the queries: an array, or
    a tuple of several."""
    results = each(call, queries, blocks, compute)
    first = next(results)
    if len(blocks) == 1:
        return first
    parts = (part if isinstance(part, tuple) else (part,) for part in chain([first], results))
    if call.is_torch and Scratch.of(call) is None:
        joined = [torch.cat(column, dim=-2) for column in zip(*parts, strict=True)]
    else:
        joined = _written(call, len(queries), parts)
    return tuple(joined) if isinstance(first, tuple) else joined[0]


def _written(call: Call, count: int, parts: Iterator[tuple[Any, ...]]) -> list[Any]:
    # Written to its place at once: small results that stay would sit in the holes of big ones.
    joined: list[Any] = []
    place = 0
    for arrays in parts:
        if not joined:
            joined = [
                call.xp.empty((*x.shape[:-2], count, x.shape[-1]), dtype=x.dtype, device=x.device)
                for x in arrays
            ]
        stop = place + arrays[0].shape[-2]
        for whole, array in zip(joined, arrays, strict=True):
            whole[..., place:stop, :] = array
        place = stop
    return joined


def each(
    call: Call, queries: range, blocks: list[Block], compute: Callable[..., Any]
) -> Iterator[Any]:
    """``compute(grid, query, key, value)`` of every block in turn; it may give several tensors."""
    per_pair = numbers_per_pair(call)
    # What a single block of features would keep is too much, too, if they are many.
    numbers = prod(call.batch) * len(queries) * call.n_keys * per_pair
    alone = len(blocks) == 1 and (per_pair == 1 or numbers <= PAIRS_AT_ONCE)
    if alone or not call.wants_gradients:
        for block in blocks:
            query, key = part_of(call.query, block.queries), part_of(call.key, block.keys)
            value = None if call.value is None else part_of(call.value, block.keys)
            yield compute(_grid(call, block), query, key, value)
        return
    _ = call.grid  # made now, for torch.compile allows a block no side effects
    # One split for all blocks: each slice on its own would send back a gradient of full size.
    rows = part_of(call.query, queries).split([len(block.queries) for block in blocks], dim=-2)
    whole = all(len(block.keys) == call.n_keys for block in blocks)
    key_pieces = (call.key,) if whole else call.key.split(PIECE, dim=-2)
    value_pieces = _pieces_of(call.value, whole)

    def joined(block: Block, query: Tensor, *pieces: Tensor) -> Any:
        tidy(prod(call.batch) * query.shape[-2] * len(block.keys) * per_pair)
        middle = len(pieces) // (1 if call.value is None else 2)
        key = _joined(pieces[:middle], block.keys)
        value = None if call.value is None else _joined(pieces[middle:], block.keys)
        return compute(_grid(call, block), query, key, value)

    for block, query in zip(blocks, rows, strict=True):
        first, last = 0, 1
        if not whole:
            first, last = block.keys.start // PIECE, -(-block.keys.stop // PIECE)
        pieces = (*key_pieces[first:last], *value_pieces[first:last])
        yield again(call, joined, block, query, *pieces)


def again(call: Call, function: Callable[..., Any], *arguments: Any) -> Any:
    """``function(*arguments)``, computed again in the backward pass instead of kept."""
    if not call.wants_gradients:
        return function(*arguments)
    # What was drawn at random has to be drawn again.
    draws = call.dropout_p > 0 or call.draws
    return remembered(function, *arguments, device=call.query.device, draws=draws)


def block_of(call: Call, queries: range) -> Block:
    """A block of queries with the keys that they can see."""
    everything = range(call.n_keys)
    if call.parts.mask is None or not len(queries) or not len(everything):
        return Block(queries, everything)
    keys = call.parts.mask.extent(call.grid.at(queries, everything)).keys
    if not len(keys):
        # One key, which the mask then rules out: no engine needs a rule for blocks without keys.
        place = min(keys.start, call.n_keys - 1)
        keys = range(place, place + 1)
    return Block(queries, keys)


def part_of(array: Tensor, rows: range) -> Tensor:
    """Rows of an array; itself, where they are all of them."""
    return array if len(rows) == array.shape[-2] else array[..., rows.start : rows.stop, :]


def _grid(call: Call, block: Block) -> Grid:
    return call.grid.at(block.queries, block.keys)


def _pieces_of(value: Tensor | None, whole: bool) -> tuple[Tensor, ...]:
    if value is None:
        return ()
    return (value,) if whole else value.split(PIECE, dim=-2)


def _joined(pieces: tuple[Tensor, ...], keys: range) -> Tensor:
    """The rows ``keys`` of the pieces, of which the first begins at a multiple of ``PIECE``."""
    rows = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-2)
    start = keys.start % PIECE if len(keys) < rows.shape[-2] else 0
    return part_of(rows, range(start, start + len(keys)))
