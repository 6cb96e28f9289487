"""Any score, mask, bias and normalizer, in blocks of queries: the engine that is never refused.

A block's scores exist, its weights exist, and both are gone when its output is there; the backward
pass computes them again. Where a score makes a feature vector of each pair (additive, a user's
function), a block is cut once more, along the keys.

Cost: the score's time, twice in training; memory O(Q + K), plus ``blocks.PAIRS_AT_ONCE`` pairs.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.engines import blocks, formula
from regard.engines.call import Call
from regard.engines.formula import score_of, seen
from regard.engines.scratch import Scratch, tidy
from regard.grid import Grid
from regard.scores import Score

FEATURES_AT_ONCE = 8 * 2**20
"""Numbers of a pairwise score's (q, k, D) tile that exist at one time where gradients are
recorded. A block seldom has as many: to cut it costs one more computation of the score."""


def refuse(call: Call) -> str | None:
    """Why this engine cannot take the call; None: it can."""
    if not call.is_torch:
        return "it computes torch tensors only"
    return None


def attend(call: Call) -> Float[Tensor, "*batch Q V"]:
    """weights @ value, block by block."""
    scratch = Scratch.of(call)

    def compute(grid: Grid, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return _output(call, value, *weigh(call, grid, query, key, scratch))

    return _run(call, range(call.n_queries), compute)


def attend_with_weights(
    call: Call,
) -> tuple[Float[Tensor, "*batch Q V"], Float[Tensor, "*batch Q K"]]:
    """The output of ``attend``, and the weights of which it is made, as they are before dropout."""
    scratch = Scratch.of(call)

    def compute(grid: Grid, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        weight, allowed = weigh(call, grid, query, key, scratch)
        return _output(call, value, weight, allowed), _rows(call, grid, weight)

    return _run(call, range(call.n_queries), compute)


def weights(call: Call, queries: range) -> Float[Tensor, "*batch q K"]:
    """Rows of the weights, ``(*batch, q, K)``, in the query's dtype; no others are computed."""
    scratch = Scratch.of(call)

    def compute(grid: Grid, query: Tensor, key: Tensor, _: None) -> Tensor:
        weight, _ = weigh(call, grid, query, key, scratch)
        return _rows(call, grid, weight)

    return _run(call, queries, compute)


def _run(call: Call, queries: range, compute: Callable[..., Any]) -> Any:
    return blocks.run(call, queries, blocks.cut_rows(call, queries), compute)


def _output(call: Call, value: Tensor, weight: Tensor, allowed: Any) -> Float[Tensor, "*batch q V"]:
    weight = F.dropout(weight.to(value.dtype), call.dropout_p)
    output = weight @ seen(call, call.per_query_head(value), allowed)
    return output.expand(*call.batch, *output.shape[-2:])


def _rows(call: Call, grid: Grid, weight: Tensor) -> Float[Tensor, "*batch q K"]:
    """A block's weights among the keys that it does not see, in the query's dtype."""
    around = (grid.keys.start, call.n_keys - grid.keys.stop)
    rows = F.pad(weight.to(call.query.dtype), around)
    return rows.expand(*call.batch, len(grid.queries), call.n_keys)


def weigh(
    call: Call, grid: Grid, query: Tensor, key: Tensor, scratch: Scratch | None = None
) -> tuple[Any, Any]:
    """Weights of the rectangle, and what the mask allowed in it (None: everything).

    Args:
        scratch: where the weights may be; the next block's will take their place.
    """
    if not len(grid.keys) or not len(grid.queries):
        # Nothing, but it still hangs on query and key, so that backward finds its way.
        return query.sum(-1)[..., :, None] + call.per_query_head(key).sum(-1)[..., None, :], None
    score = score_of(call, grid)
    if not isinstance(score, Score) or score.pairwise:
        score = _tiled(call, score)
    return formula.weigh(call, grid, query, call.per_query_head(key), score, scratch)


def _tiled(call: Call, score: Callable[[Any, Any], Any]) -> Callable[[Tensor, Tensor], Tensor]:
    """The same score, called on tiles of keys so small that its feature vectors fit."""

    def of_tile(queries: range, keys: range) -> Callable[[Any, Any], Any]:
        return score.at(queries, keys) if isinstance(score, Score) else score

    def on_tiles(query: Tensor, key: Tensor) -> Tensor:
        per_key = prod(call.batch) * query.shape[-2] * blocks.numbers_per_pair(call)
        breadth = blocks.breadth(call)
        small = breadth == 1 and not call.wants_gradients
        at_once = blocks.TILE if small else FEATURES_AT_ONCE * breadth
        # A few small tiles would cost more than they spare.
        if per_key * key.shape[-2] <= (4 * at_once if small else at_once):
            return score(query, key)
        length = -(-at_once // per_key)

        def tile(keys: range, query: Tensor, key: Tensor) -> Tensor:
            if call.wants_gradients:
                tidy(per_key * key.shape[-2])
            return of_tile(range(query.shape[-2]), keys)(query, key)

        tiles, place = [], 0
        for part in key.split(length, dim=-2):
            keys = range(place, place + part.shape[-2])
            tiles.append(blocks.again(call, tile, keys, query, part))
            place = keys.stop
        return torch.cat(tiles, dim=-1)

    return on_tiles
