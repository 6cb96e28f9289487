"""What the fused engines of additive attention share: which calls they take, and in what form.

A call is folded to a batch and heads, ``(B, H, rows, features)``. A mask that is a run of keys for
each query (causal, window, padding, and their &) goes along as two numbers a query. Any other mask,
and a bias, is evaluated for a block of queries at a time, and so is the block.
"""

from collections.abc import Callable
from dataclasses import replace
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from regard.engines import blocks
from regard.engines.call import Call, under_grad
from regard.engines.formula import allowed_and_bias, seen, shield
from regard.grid import Grid
from regard.masks import Spans
from regard.normalizers import softmax
from regard.scores import Additive, Score
from regard.scores.additive import AdditiveForm

Fused = Callable[..., Tensor]
"""``f(call, query, key, value, weight, added, start, stop)`` of folded tensors gives the output,
``(B, H, Q, V)``."""


def refuse(call: Call) -> str | None:
    """Why no fused engine can take the call; None: one may."""
    score = call.parts.score
    if not call.is_torch:
        return "it computes torch tensors only"
    if not isinstance(score, Score) or not score.is_additive:
        if isinstance(score, Additive):
            return "the score is a class of its own, and may compute something else"
        return "the score is not additive"
    if call.parts.normalizer is not softmax:
        return "the normalizer is not softmax"
    if under_grad():
        return "the gradients of torch.func do not see into operators that are not torch's own"
    sloped = isinstance(score, Additive) and score.activation == "leaky_relu"
    if sloped and score.negative_slope < 0:  # pyright: ignore[reportAttributeAccessIssue]
        return "the slope of its activation is negative"
    if not (call.query.numel() and call.key.numel() and call.value.numel()):
        return "there is nothing to compute: a dimension is 0"
    return None


def attend(call: Call, fused: Fused) -> Float[Tensor, "*batch Q V"]:
    """weights @ value: at once, or in blocks of queries where a mask or a bias has to be made."""
    call, mask, everything = _plain(call), call.parts.mask, range(call.n_queries)
    spans = None if mask is None else mask.spans(call.grid)
    if call.parts.bias is None and (mask is None or spans is not None):
        return _run(call, fused, call.query, call.key, call.value, None, spans)

    def compute(grid: Grid, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        allowed, added = allowed_and_bias(call, grid)
        if call.groups > 1 and allowed is not None and allowed.ndim > 2 and allowed.shape[-3] > 1:
            key, value = call.per_query_head(key), call.per_query_head(value)
        query, key = shield(call, query, key, allowed)
        value = seen(call, value, allowed)
        if added is None:
            added = query.new_zeros(())
        if allowed is not None:
            added = torch.where(allowed, added, -torch.inf)
        return _run(call, fused, query, key, value, added, None)

    cuts = blocks.cut(call, everything, _tile_entries_per_row(call))
    return blocks.run(call, everything, cuts, compute)


def _plain(call: Call) -> Call:
    """The call with its score in the additive form."""
    assert isinstance(call.parts.score, Score)
    form: AdditiveForm = call.parts.score.additive()
    if form.score is call.parts.score:
        return call
    query, parts = call.query, replace(call.parts, score=form.score)
    if form.shift is not None:
        query = query + form.shift.to(query.dtype)[..., None, :]
    return replace(call, query=query, parts=parts)


def _tile_entries_per_row(call: Call) -> int:
    """Numbers that mask and bias need for one query."""
    leads = [tile.shape[:-2] for tile in call.corner if tile is not None]
    return prod(torch.broadcast_shapes(*leads)) * call.n_keys


def _run(
    call: Call,
    fused: Fused,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    added: Tensor | None,
    spans: Spans | None,
) -> Float[Tensor, "*batch q V"]:
    score = call.parts.score
    assert isinstance(score, Additive)
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    tensors = [_fold(call, x.to(dtype)) for x in (query, key, value)]
    assert isinstance(score.weight, Tensor)
    weight = _fold(call, score.weight.to(dtype)[..., None, :])
    bias = None if added is None else _fold(call, added.to(dtype))
    start = stop = None
    if spans is not None:
        start, stop = (_fold(call, torch.as_tensor(x)).to(torch.int32)[..., 0] for x in spans)
    output = fused(call, *tensors, weight, bias, start, stop)
    return output.to(value.dtype).reshape(*call.batch, query.shape[-2], value.shape[-1])


def _fold(call: Call, x: Tensor) -> Float[Tensor, "B H rows features"]:
    """``(*batch, rows, features)`` with two leading dimensions; those that are 1 stay so."""
    lead, rank = tuple(x.shape[:-2]), max(len(call.batch), 1)
    lead = (1,) * (rank - len(lead)) + lead
    rows, heads = lead[:-1], lead[-1]
    if prod(rows) not in (1, prod(call.batch[:-1])):
        x = x.expand(*call.batch[:-1], heads, *x.shape[-2:])
        rows = call.batch[:-1]
    return x.reshape(prod(rows), heads, *x.shape[-2:])


def planes(call: Call) -> tuple[int, int]:
    """B and H."""
    return prod(call.batch[:-1]), call.batch[-1] if call.batch else 1
