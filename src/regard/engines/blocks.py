"""Blocks of queries: how engines keep nothing of size Q×K.

The queries are cut into blocks; a block meets only the keys that its mask lets it see; its result
is computed, and in the backward pass computed again (``torch.utils.checkpoint``, not reentrant:
gradients then reach everything that took part, tensors in a function's closure too).
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from regard.engines.call import Call
from regard.grid import Grid
from regard.scores import Score

PAIRS_AT_ONCE = 2**20
"""Pairs (query, key) whose scores exist at one time: 4 MiB in float32, and some twenty times that
while a normalizer works on them. Calls with fewer pairs are not cut."""

TIDY_AFTER = 8 * 2**20
"""Scores and features after which freed memory is handed back."""

PIECE = 128
"""Keys are cut into pieces of this length where blocks see different ranges of them."""

_made = [0]


class Block(NamedTuple):
    queries: range
    keys: range


def cut(call: Call, queries: range, pairs_per_row: int) -> list[Block]:
    """Blocks that cover ``queries``, with at most ``PAIRS_AT_ONCE`` pairs each if a row allows;
    finer where the mask is a narrow band, so that what is outside it is never touched.

    Args:
        pairs_per_row: what one query costs, in pairs, over all keys and the batch.
    """
    count, keys = len(queries), call.n_keys
    if pairs_per_row * count <= PAIRS_AT_ONCE:
        return [block_of(call, queries)]
    rows = max(1, PAIRS_AT_ONCE // max(pairs_per_row, 1))
    middle = queries[count // 2]
    span = len(block_of(call, range(middle, middle + 1)).keys)
    # In a band, a block of r queries meets span + r keys, and a piece more at the ends.
    reach = max(span, PIECE)
    width = span + reach + PIECE
    if width < keys:
        rows = max(1, min(reach, PAIRS_AT_ONCE * keys // (pairs_per_row * width)))
    starts = range(queries.start, queries.stop, rows)
    return [block_of(call, range(start, min(start + rows, queries.stop))) for start in starts]


def run(call: Call, queries: range, blocks: list[Block], compute: Callable[..., Tensor]) -> Tensor:
    """``compute(grid, query, key, value)`` of every block, joined along the queries."""
    if len(blocks) == 1:
        block = blocks[0]
        query = part_of(call.query, block.queries)
        value = None if call.value is None else part_of(call.value, block.keys)
        return compute(_grid(call, block), query, part_of(call.key, block.keys), value)
    # One split for all blocks: each slice on its own would send back a gradient of full size.
    rows = part_of(call.query, queries).split([len(block.queries) for block in blocks], dim=-2)
    whole = all(len(block.keys) == call.n_keys for block in blocks)
    key_pieces = (call.key,) if whole else call.key.split(PIECE, dim=-2)
    value_pieces = _pieces_of(call.value, whole)

    def joined(block: Block, query: Tensor, *pieces: Tensor) -> Tensor:
        tidy(prod(call.batch) * query.shape[-2] * len(block.keys))
        middle = len(pieces) // (1 if call.value is None else 2)
        key = _join(pieces[:middle])
        value = None if call.value is None else _join(pieces[middle:])
        return compute(_grid(call, block), query, key, value)

    results = []
    for block, query in zip(blocks, rows, strict=True):
        first, last, keys = 0, 1, block.keys
        if not whole:
            first, last = keys.start // PIECE, -(-keys.stop // PIECE)
            keys = range(first * PIECE, min(last * PIECE, call.n_keys))
        pieces = (*key_pieces[first:last], *value_pieces[first:last])
        results.append(remembered(call, joined, Block(block.queries, keys), query, *pieces))
    return torch.cat(results, dim=-2)


def remembered(call: Call, function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """``function(*arguments)``, computed again in the backward pass instead of kept."""
    if not call.wants_gradients:
        return function(*arguments)
    # What a user's function draws at random has to be drawn again.
    random = call.dropout_p > 0 or not isinstance(call.parts.score, Score)
    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=random)


def tidy(numbers: int) -> None:
    """Called for each block and each tile, in both passes, with the numbers that it is going to
    make: hands freed memory back to the system now and then.

    glibc rarely finds room for a block's tensors where the last block's were, because small ones
    that stay have settled there; the heap would grow by every block, as if Q×K were held.
    """
    _made[0] += numbers
    if _made[0] > TIDY_AFTER and (trim := _malloc_trim()) is not None:
        _made[0] = 0
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def pairs_per_row(call: Call) -> int:
    """Pairs that one query makes over all keys and the batch."""
    return prod(call.batch) * call.n_keys


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


def _join(pieces: tuple[Tensor, ...]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-2)
