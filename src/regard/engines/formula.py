"""The formula, for one rectangle of the plane, in the array API: every engine that writes weights
down computes them here."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import array_api_compat
import torch
from jaxtyping import Bool, Float

from regard.engines.call import Call, autocasts
from regard.engines.scratch import Scratch
from regard.errors import KindError, ShapeError
from regard.grid import Array, Grid, namespace, shape_text, traced
from regard.normalizers import NORMALIZERS, Normalizer, softmax
from regard.scores import Score
from regard.scores.score import InnerProduct, fits, form_of, inner_product

BOUND = 1e7
"""Norms below it are harmless: a product of four of them is far from the end of float32."""


def allowed_and_bias(call: Call, grid: Grid) -> tuple[Any, Any]:
    """What the rectangle allows (None: everything) and adds (None: nothing)."""
    mask, bias = call.parts.mask, call.parts.bias
    allowed = None if mask is None or _all_seen(call, grid) else mask.tile(grid)
    if bias is None:
        return allowed, None
    tile = bias.tile(grid)
    if bias.rules_out:
        # −∞ is a mask in the clothes of a number; as a number it makes NaN of rows of nothing else.
        finite = tile != -math.inf
        tile = call.xp.where(finite, tile, 0.0)
        allowed = finite if allowed is None else allowed & finite
    if call.parts.normalizer is softmax and call.xp.finfo(call.query.dtype).bits == 16:
        tile = _level(call.xp, tile, allowed)
    return allowed, tile


def _level(xp: Any, bias: Any, allowed: Any) -> Any:
    """A bias whose largest number in each row is 0: there halves are finest, and softmax feels no
    constant. As it is, a far key's would be rounded to its neighbours'."""
    seen = _constant(bias) if allowed is None else xp.where(allowed, _constant(bias), -math.inf)
    if not seen.shape[-1]:
        return bias
    most = xp.max(seen, axis=-1, keepdims=True)
    return bias - xp.where(most == -math.inf, 0.0, most)


def _all_seen(call: Call, grid: Grid) -> bool:
    if call.parts.mask is None:
        return True
    extent = call.parts.mask.extent(grid)
    return extent.full and extent.keys == grid.keys


def shield(
    call: Call,
    query: Float[Array, "*batch q E"],
    key: Float[Array, "*batch k F"],
    allowed: Bool[Array, "*batch q k"] | None,
) -> tuple[Any, Any]:
    """Query and key in which what may not matter cannot: neither forward nor backward.

    A key that no query sees may hold NaN, and 0 · NaN is NaN, so it is replaced. Not by zeros:
    a user's function may be singular there, and 0 · ∞ is NaN too. By the first key that is seen,
    where the function has to be defined anyway. Likewise a query that sees nothing.
    """
    held = call.parts.score.held if isinstance(call.parts.score, Score) else None
    if allowed is None or (held is not None and _bounded(query, key, *held)):
        return query, key
    # Where a whole sequence sees nothing there is no such stand-in; 1 and 2 keep away from the
    # zeros and the coincidences at which scores are usually singular.
    xp = call.xp
    return (
        _stand_in(xp, query, xp.any(allowed, axis=-1), 1.0),
        _stand_in(xp, key, xp.any(allowed, axis=-2), 2.0),
    )


def seen(call: Call, value: Any, allowed: Any) -> Any:
    """Values with zeros where no query of the rectangle looks."""
    if allowed is None or _bounded(value):
        return value
    return call.xp.where(call.xp.any(allowed, axis=-2)[..., None], value, 0.0)


def _bounded(*factors: Any) -> bool:
    """Whether no product of these can leave the finite numbers. Then a weight of 0 makes 0 of it,
    a shield would change no bit, and its copies can be spared."""
    return all(map(_is_bounded, factors))


def _is_bounded(x: Any) -> bool:
    if isinstance(x, int | float):
        return abs(x) < BOUND
    # Asking a GPU would make it wait, and halves have no room; for them the copies are made.
    return (
        isinstance(x, torch.Tensor)
        and x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and not traced(x)
        and bool(torch.linalg.vector_norm(x.detach()) < BOUND)
    )


def _stand_in(xp: Any, rows: Any, good: Any, otherwise: float) -> Any:
    if good.shape[-1] == 1:
        return xp.where(good[..., None], rows, otherwise)
    lead = torch.broadcast_shapes(tuple(rows.shape[:-2]), tuple(good.shape[:-1]))
    wide = xp.broadcast_to(rows, (*lead, *rows.shape[-2:]))
    first = xp.argmax(xp.astype(good, xp.uint8), axis=-1, keepdims=True)
    index = xp.broadcast_to(first[..., None], (*lead, 1, rows.shape[-1]))
    fixed = _constant(wide)
    if isinstance(fixed, torch.Tensor):
        other = fixed.gather(-2, index)  # not take_along_dim: torch.compile fixes its sizes
    else:
        other = xp.take_along_axis(fixed, index, axis=-2)
    other = xp.where(xp.any(good, axis=-1, keepdims=True)[..., None], other, otherwise)
    return xp.where(good[..., None], wide, other)


def _constant(array: Any) -> Any:
    return array.detach() if isinstance(array, torch.Tensor) else array


def weigh(
    call: Call,
    grid: Grid,
    query: Float[Array, "*batch q E"],
    key: Float[Array, "*batch k F"],
    score: Callable[[Any, Any], Any],
    scratch: Scratch | None = None,
) -> tuple[Any, Any]:
    """normalize(score(query, key) + bias, where mask allows), and what the mask allowed.

    The keys of the rectangle must be all keys that its queries can see.

    Args:
        scratch: memory in which the weights may be; they are gone when it is used again.
    """
    xp = call.xp
    allowed, bias = allowed_and_bias(call, grid)
    query, key = shield(call, query, key, allowed)
    if isinstance(call.parts.score, Score):
        with _without_autocast(call):
            # The product of two halves can be too large for a half before it is scaled.
            raw = _raw(score, _widened(xp, query), _widened(xp, key), scratch)
        _check_scores(grid, raw, query, key)
    else:
        raw = score(query, key)
        _check_scores(grid, raw, query, key)
        raw = _widened(xp, raw)
        if _may_rule_out(xp, raw):
            # A function may say −∞ of a pair, and means what a mask says.
            finite = raw != -math.inf
            raw = xp.where(finite, raw, 0.0)
            allowed = finite if allowed is None else allowed & finite
    if bias is not None:
        raw = raw + xp.astype(bias, raw.dtype, copy=False)
    if call.parts.normalizer is softmax and scratch is not None and scratch.holds(raw):
        return softmax(raw, allowed, in_place=True), allowed
    return _normalized(call.parts.normalizer, raw, allowed), allowed


def _raw(score: Callable[[Any, Any], Any], query: Any, key: Any, scratch: Scratch | None) -> Any:
    if not (isinstance(score, Score) and type(score).__call__ is Score.__call__):
        return score(query, key)
    form = form_of(score, query, key)
    if abs(form.scale) < 1:
        # Scaling the queries spares a pass over all pairs, and leads away from the end of numbers.
        form = InnerProduct(form.query * form.scale, form.key, 1.0)
    if scratch is None or form.scale != 1.0:
        return inner_product(form)
    query, key = form.query, form.key
    shape = (
        *torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]),
        query.shape[-2],
        key.shape[-2],
    )
    return torch.matmul(query, key.mT, out=scratch.empty(shape, query))


def _may_rule_out(xp: Any, raw: Any) -> bool:
    if isinstance(raw, torch.Tensor) and (raw.device.type != "cpu" or traced(raw)):
        return True  # asking a GPU would make it wait
    # So written, NaN hides no −∞.
    return 0 not in raw.shape and not bool(xp.min(_constant(raw)) > -math.inf)


def _widened(xp: Any, array: Any) -> Any:
    return xp.astype(array, xp.float32) if xp.finfo(array.dtype).bits == 16 else array


def _without_autocast(call: Call) -> AbstractContextManager[Any]:
    if not call.is_torch or not autocasts(call.query.device.type):
        return nullcontext()
    return torch.autocast(call.query.device.type, enabled=False)


def _normalized(normalizer: Normalizer, raw: Any, allowed: Any) -> Any:
    if normalizer in NORMALIZERS.values():
        return normalizer(raw, allowed)
    # A function of the user's need not know what must not matter: it never sees it.
    xp = namespace(raw)
    weights = normalizer(raw if allowed is None else xp.where(allowed, raw, 0.0), allowed)
    shape, got = tuple(raw.shape), tuple(weights.shape)
    wide = shape if allowed is None else torch.broadcast_shapes(shape, tuple(allowed.shape))
    if got not in (shape, wide):
        raise ShapeError(
            f"the normalizer gave {shape_text(got)} for scores (*batch, Q, K) = "
            f"{shape_text(shape)}; expected weights of the same shape"
        )
    return weights if allowed is None else xp.where(allowed, weights, 0.0)


def _check_scores(grid: Grid, raw: Any, query: Any, key: Any) -> None:
    shape, dtype = tuple(getattr(raw, "shape", ())), getattr(raw, "dtype", None)
    if not (
        (isinstance(raw, torch.Tensor) or array_api_compat.is_array_api_obj(raw))
        and isinstance(raw, torch.Tensor) == isinstance(query, torch.Tensor)
        and grid.xp.isdtype(dtype, "real floating")
    ):
        raise KindError(
            f"the score gave {_what(raw)}; expected real numbers in an array like the query"
        )
    expected = (len(grid.queries), len(grid.keys))
    if shape[-2:] != expected or not fits(shape[:-2], grid.batch):
        raise ShapeError(
            f"the score gave {shape_text(shape)} for query {shape_text(tuple(query.shape))} and "
            f"key {shape_text(tuple(key.shape))}; expected (*batch, Q, K) = "
            f"{shape_text((*grid.batch, *expected))}, or with dimensions of 1 in the batch: "
            "a score of every pair, for any tile"
        )


def _what(thing: Any) -> str:
    kind, dtype = type(thing).__name__, getattr(thing, "dtype", None)
    return kind if dtype is None else f"{kind} of {dtype}"


def score_of(call: Call, grid: Grid) -> Callable[[Any, Any], Any]:
    """The call's score for a rectangle."""
    score = call.parts.score
    return score.at(grid.queries, grid.keys) if isinstance(score, Score) else score
