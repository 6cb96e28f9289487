"""What can be read off the weights without holding them: block by block, for every library.

The weights of a block of queries exist, what is asked of them is kept, and they are gone. With
torch tensors gradients flow through both summaries, and the backward pass computes the blocks
again.

Cost: the score's time; memory O(Q·k + K), plus ``blocks.PAIRS_AT_ONCE`` pairs.
"""

import math
from operator import index
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int

from regard.engines import blocks, streaming
from regard.engines.call import Call
from regard.engines.formula import score_of, weigh
from regard.engines.largest import largest
from regard.engines.scratch import Scratch
from regard.errors import KindError, RangeError
from regard.grid import Array, Grid
from regard.normalizers.normalizer import constant


class TopWeights(NamedTuple):
    """The largest weights of each query, falling, and the keys that they belong to.

    Attributes:
        weights: ``(*batch, Q, k)``; 0 where a query sees fewer than k keys.
        indices: ``(*batch, Q, k)``, int64; −1 there.
    """

    weights: Float[Array, "*batch Q k"]
    indices: Int[Array, "*batch Q k"]


def how_many(k: int) -> int:
    """How many weights of each query are asked for.

    Raises:
        KindError: what is no integer.
        RangeError: a number below 1.
    """
    if isinstance(k, bool) or not hasattr(k, "__index__"):
        raise KindError(f"k is how many weights to give, an integer, and it is {k!r}")
    if index(k) < 1:
        raise RangeError(f"k is how many weights to give, at least 1, and it is {k}")
    return index(k)


def top_weights(call: Call, queries: range, k: int) -> TopWeights:
    """The k largest weights of each of the queries; of equals the key that comes first."""
    xp, scratch = call.xp, Scratch.of(call)

    def compute(grid: Grid, query: Any, key: Any, _: Any) -> tuple[Any, Any]:
        weight, allowed = _weigh(call, grid, query, key, scratch)
        weight = xp.astype(weight, call.query.dtype, copy=False)
        found, places = _top(xp, weight, allowed, min(k, len(grid.keys)))
        places = xp.where(places < 0, places, places + grid.keys.start)
        return _filled(call, found, k, 0), _filled(call, places, k, -1)

    cuts = blocks.cut_rows(call, queries)
    return TopWeights(*blocks.run(call, queries, cuts, compute))


def key_totals(call: Call, queries: range) -> Float[Array, "*batch K"]:
    """The sum over the queries of the weight that each key gets."""
    xp, scratch = call.xp, Scratch.of(call)

    def compute(grid: Grid, query: Any, key: Any, _: Any) -> Any:
        total = xp.sum(_weigh(call, grid, query, key, scratch)[0], axis=-2)
        return xp.broadcast_to(total, (*call.batch, len(grid.keys)))

    cuts, totals = blocks.cut_rows(call, queries), None
    for (_, keys), part in zip(cuts, blocks.each(call, queries, cuts, compute), strict=True):
        if call.is_torch and scratch is None:
            part = F.pad(part, (keys.start, call.n_keys - keys.stop))
            totals = part if totals is None else totals + part
            continue
        if totals is None:
            shape = (*call.batch, call.n_keys)
            totals = xp.zeros(shape, dtype=part.dtype, device=call.grid.device)
        totals[..., keys.start : keys.stop] += part
    return xp.astype(totals, call.query.dtype, copy=False)


def _weigh(call: Call, grid: Grid, query: Any, key: Any, scratch: Any) -> tuple[Any, Any]:
    """Weights of a rectangle, and what is allowed in it (None: everything)."""
    if call.is_torch:
        return streaming.weigh(call, grid, query, key, scratch)
    if not len(grid.queries) or not len(grid.keys):
        shape = (*call.batch, len(grid.queries), len(grid.keys))
        return call.xp.zeros(shape, dtype=query.dtype, device=grid.device), None
    return weigh(call, grid, query, call.per_query_head(key), score_of(call, grid))


def _top(xp: Any, weight: Any, allowed: Any, k: int) -> tuple[Any, Any]:
    """The k largest weights and their places; 0 and −1 where fewer are allowed."""
    if not k:
        return weight[..., :0], xp.astype(weight[..., :0], xp.int64)
    # A weight may be 0 though its key is seen (it is small, or the normalizer is sparse): such a
    # key comes before those that are not seen.
    ranked = constant(weight)
    if allowed is not None:
        ranked = xp.where(allowed, ranked, -math.inf)
    if isinstance(ranked, torch.Tensor):
        places = largest(ranked, k)
    else:
        places = xp.argsort(ranked, axis=-1, descending=True, stable=True)[..., :k]
    found = xp.take_along_axis(weight, places, axis=-1)
    if allowed is None:
        return found, places
    seen = xp.take_along_axis(ranked, places, axis=-1) != -math.inf
    return xp.where(seen, found, 0.0), xp.where(seen, places, -1)


def _filled(call: Call, rows: Any, k: int, number: int) -> Any:
    """Rows of the whole batch, with ``number`` behind them up to a length of k."""
    xp = call.xp
    rows = xp.broadcast_to(rows, (*call.batch, *rows.shape[-2:]))
    missing = k - rows.shape[-1]
    if not missing:
        return rows
    shape = (*rows.shape[:-1], missing)
    end = xp.full(shape, number, dtype=rows.dtype, device=call.grid.device)
    return xp.concat([rows, end], axis=-1)
