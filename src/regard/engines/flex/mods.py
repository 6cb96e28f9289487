"""Masks and biases as functions of one pair, which FlexAttention compiles into its kernel.

A mask that is a run of keys for each query is two numbers a query; ids, positions, booleans and
biases are read where they lie. ``b, h, q, k`` are tensors without dimensions: which batch, which
head of the queries, which query, which key.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regard import biases, masks
from regard.engines.call import Call
from regard.engines.flex.fold import fold
from regard.masks import Mask
from regard.positions import Positions

Mod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""``f(b, h, q, k)``: a number, or a truth, about one pair."""

FAR = 2**31 - 1
"""No two positions are further apart."""


def unsayable(call: Call) -> str | None:
    """Why mask and bias are no functions of one pair; None: they are."""
    mask, bias = call.parts.mask, call.parts.bias
    for part in [] if bias is None else terms(bias):
        if type(part) not in BIASES:
            return f"a bias {type(part).__name__} is not known as a function of one pair"
    for piece in [] if mask is None else pieces(mask):
        if type(piece) not in MODS:
            return f"a mask {type(piece).__name__} is not known as a function of one pair"
        if isinstance(piece, masks.Predicate) and not _takes_single_indices(call, piece):
            return "the function of masks.predicate does not take single indices"
    return None


def pieces(mask: Mask) -> list[Mask]:
    """A mask and all masks that it is made of."""
    match mask:
        case masks.And() | masks.Or():
            return [mask, *pieces(mask.left), *pieces(mask.right)]
        case masks.Not():
            return [mask, *pieces(mask.inner)]
    return [mask]


def terms(bias: biases.Bias) -> list[biases.Bias]:
    """The biases that a bias is the sum of."""
    if type(bias) is biases.Sum:
        return [*terms(bias.left), *terms(bias.right)]
    return [bias]


def score_mod(call: Call) -> Callable[..., Tensor]:
    """``f(score, b, h, q, k)``: the score and the bias."""
    added = _added(call)
    return lambda score, b, h, q, k: score + added(b, h, q, k)


def mask_mod(call: Call) -> Mod:
    """What the mask allows, and the bias does not rule out."""
    mask, bias = call.parts.mask, call.parts.bias
    if bias is None or not bias.rules_out:
        assert mask is not None
        return _mod(call, mask)
    added = _added(call)

    def finite(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return added(b, h, q, k) != -math.inf

    return finite if mask is None else _both(_mod(call, mask), finite)


def _added(call: Call) -> Mod:
    """What the bias adds to the score of a pair."""
    assert call.parts.bias is not None
    mods = [BIASES[type(part)](call, part) for part in terms(call.parts.bias)]
    return lambda b, h, q, k: sum((mod(b, h, q, k) for mod in mods[1:]), mods[0](b, h, q, k))


def _numbers(call: Call, values: Any) -> Tensor:
    values = call.grid.asarray(values).detach()
    is_double = values.dtype == torch.float64 and call.query.dtype != torch.float64
    return values.float() if is_double else values


def _dense(call: Call, bias: biases.Dense) -> Mod:
    return _at(call, _numbers(call, bias.tile(call.grid)))


def _ahead(call: Call, positions: Positions) -> Mod:
    """How far the key of a pair stands ahead of its query."""
    at_query = _at(call, positions.of_queries(call.grid))
    at_key = _at(call, positions.of_keys(call.grid))
    return lambda b, h, q, k: at_key(b, h, q, k) - at_query(b, h, q, k)


def _alibi(call: Call, bias: biases.Alibi) -> Mod:
    slopes, ahead = torch.as_tensor(bias.slopes), _ahead(call, bias.positions)
    slopes = _numbers(call, slopes.to(call.query.device))
    if len(slopes) == 1:
        return lambda b, h, q, k: -slopes[0] * ahead(b, h, q, k).abs()
    return lambda b, h, q, k: -slopes[h] * ahead(b, h, q, k).abs()


def _bucketed(call: Call, bias: biases.Bucketed) -> Mod:
    table, ahead = _numbers(call, bias.of_distances(call.grid)), _ahead(call, bias.positions)

    def at(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        place = ahead(b, h, q, k).clamp(-bias.max_distance, bias.max_distance)
        place = place + bias.max_distance
        if table.ndim == 1:
            return table[place]
        return table[h, place]

    return at


def _mod(call: Call, mask: Mask) -> Mod:
    spans: Any = mask.spans(call.grid)
    if spans is None:
        return MODS[type(mask)](call, mask)
    start, stop = (_at(call, x.to(torch.int32)) for x in spans)
    return lambda b, h, q, k: (k >= start(b, h, q, k)) & (k < stop(b, h, q, k))


def _at(call: Call, x: Any) -> Mod:
    """``x[b, h, q, k]`` of numbers ``(*#batch, #Q, #K)``."""
    folded = fold(call, x)
    axes = [axis for axis, size in enumerate(folded.shape) if size > 1]
    numbers = folded.squeeze()

    def at(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        place = (b, h, q, k)
        return numbers[tuple([place[axis] for axis in axes])] if axes else numbers

    return at


def _window(call: Call, mask: masks.Window) -> Mod:
    ahead = _ahead(call, mask.positions)
    low = -FAR if mask.before is None else -mask.before
    high = FAR if mask.after is None else mask.after

    def near(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        apart = ahead(b, h, q, k)
        return (apart >= low) & (apart <= high)

    return near


def _tile(call: Call, mask: Mask) -> Mod:
    return _at(call, mask.tile(call.grid))


def _segments(call: Call, mask: masks.Segments) -> Mod:
    of_query = _at(call, call.grid.per_query(mask.query_ids, "query_ids of masks.segments"))
    of_key = _at(call, call.grid.per_key(mask.key_ids, "key_ids of masks.segments"))
    return lambda b, h, q, k: of_query(b, h, q, k) == of_key(b, h, q, k)


def _predicate(call: Call, mask: masks.Predicate) -> Mod:
    function = mask.function

    def rule(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        # The kernel counts in 32 bits, in which a product of two indices need not fit.
        return function(q.to(torch.int64), k.to(torch.int64))

    return rule


def _takes_single_indices(call: Call, mask: masks.Predicate) -> bool:
    from torch.nn.attention.flex_attention import create_mask

    n, m = min(call.n_queries, 2), min(call.n_keys, 2)
    try:
        truths = create_mask(_predicate(call, mask), 1, 1, n, m, device=call.query.device)
    except Exception:  # a function may do anything with what is no column and no row
        return False
    return truths.dtype == torch.bool and truths.shape == (1, 1, n, m)


def _both(left: Mod, right: Mod) -> Mod:
    return lambda b, h, q, k: left(b, h, q, k) & right(b, h, q, k)


def _either(left: Mod, right: Mod) -> Mod:
    return lambda b, h, q, k: left(b, h, q, k) | right(b, h, q, k)


def _opposite(inner: Mod) -> Mod:
    return lambda b, h, q, k: ~inner(b, h, q, k)


MODS: dict[type[Mask], Callable[[Call, Any], Mod]] = {
    masks.Window: _window,
    masks.Padding: _tile,
    masks.Segments: _segments,
    masks.Dense: _tile,
    masks.Predicate: _predicate,
    masks.And: lambda call, mask: _both(_mod(call, mask.left), _mod(call, mask.right)),
    masks.Or: lambda call, mask: _either(_mod(call, mask.left), _mod(call, mask.right)),
    masks.Not: lambda call, mask: _opposite(_mod(call, mask.inner)),
}
"""For masks that are no runs of keys; ``_window`` is for positions of keys."""

BIASES: dict[type[biases.Bias], Callable[[Call, Any], Mod]] = {
    biases.Dense: _dense,
    biases.Alibi: _alibi,
    biases.Bucketed: _bucketed,
}
