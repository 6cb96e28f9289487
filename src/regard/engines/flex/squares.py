"""Which squares of the (query, key) plane a kernel can skip.

torch's ``create_block_mask`` evaluates the whole plane at once. Here it is gone through in bands of
queries, and of each band only the keys near it; the same tiles tell which keys nobody sees and
which queries see nothing.
"""

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from regard.engines.call import Call
from regard.engines.flex.fold import fold
from regard.engines.formula import allowed_and_bias

SQUARE = 128
"""Queries and keys of a square: torch's own choice."""

BOOLEANS = 2**24
"""Truth values that exist at one time while squares are counted, unless a band of ``SQUARE``
queries has more."""


class Squares(NamedTuple):
    """Which squares hold a pair that is allowed, and which hold no other; which queries see a key
    at all, and which keys any query sees."""

    some: Bool[Tensor, "*#batch m n"]
    full: Bool[Tensor, "*#batch m n"]
    sees: Bool[Tensor, "*#batch Q 1"]
    seen: Bool[Tensor, "*#batch 1 K"]


def counted(call: Call) -> Squares:
    """The squares of a call with a mask, or with a bias that rules pairs out.  Cost: O(Q·K)."""
    allowed, added = call.corner
    ruling = [allowed, added if call.parts.bias is not None and call.parts.bias.rules_out else None]
    lead = torch.broadcast_shapes(*(tile.shape[:-2] for tile in ruling if tile is not None))
    count = call.n_queries
    rows = max(BOOLEANS // (prod(lead) * call.n_keys) // SQUARE, 1) * SQUARE
    bands = [_band(call, range(at, min(at + rows, count)), lead) for at in range(0, count, rows)]
    some, full, sees, seen = zip(*bands, strict=True)
    by_any = reduce(torch.logical_or, seen)
    return Squares(torch.cat(some, -2), torch.cat(full, -2), torch.cat(sees, -2), by_any)


def _band(call: Call, queries: range, lead: tuple[int, ...]) -> Squares:
    keys = _near(call, queries)
    allowed = allowed_and_bias(call, call.grid.at(queries, keys))[0]
    if allowed is None:
        allowed = torch.ones((), dtype=torch.bool, device=call.query.device)
    allowed = allowed.expand(*lead, len(queries), len(keys))
    # A square at the edge is never full, for torch counts what is beyond the edge as ruled out.
    padded = F.pad(allowed, (0, -len(keys) % SQUARE, 0, -len(queries) % SQUARE))
    pairs = padded.unflatten(-1, (-1, SQUARE)).sum(-1).unflatten(-2, (-1, SQUARE)).sum(-2)
    before = keys.start // SQUARE
    pairs = F.pad(pairs, (before, -(-call.n_keys // SQUARE) - before - pairs.shape[-1]))
    seen = F.pad(allowed.any(-2, keepdim=True), (keys.start, call.n_keys - keys.stop))
    return Squares(pairs > 0, pairs == SQUARE**2, allowed.any(-1, keepdim=True), seen)


def _near(call: Call, queries: range) -> range:
    """The keys that the queries can see, in whole squares; at least one square."""
    everything = range(call.n_keys)
    if call.parts.mask is None:
        return everything
    keys = call.parts.mask.extent(call.grid.at(queries, everything)).keys
    start = min(keys.start, call.n_keys - 1) // SQUARE * SQUARE
    stop = max(-(-keys.stop // SQUARE) * SQUARE, start + SQUARE)
    return range(start, min(stop, call.n_keys))


def block_mask(call: Call, squares: Squares, mask_mod: Callable[..., Tensor]) -> Any:
    """The squares as FlexAttention wants to know them."""
    from torch.nn.attention.flex_attention import BlockMask

    some, full = fold(call, squares.some), fold(call, squares.full)
    return BlockMask.from_kv_blocks(
        *_listed(some & ~full),
        *_listed(full),
        BLOCK_SIZE=SQUARE,
        mask_mod=mask_mod,
        seq_lengths=(call.n_queries, call.n_keys),
    )


def _listed(chosen: Bool[Tensor, "B H m n"]) -> tuple[Tensor, Tensor]:
    """How many squares of each row are chosen, and the columns of these, first of all."""
    order = chosen.to(torch.int8).argsort(dim=-1, descending=True, stable=True)
    return chosen.sum(-1, dtype=torch.int32), order.to(torch.int32)
