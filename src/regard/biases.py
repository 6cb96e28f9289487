"""What is known about a pair from its positions: numbers added to the scores.

    alibi(heads)       −m_h · |i − j|, a slope for each head
    bucketed(values)   a learned number for each bucket of distances (T5)
    dense(values)      any numbers, learned or not
    alibi(8) + dense(values)   biases add up

A bias, like a mask, is asked about rectangles of the (query, key) plane, never about all of it.
An entry of −∞ rules the pair out, as a mask would. Positions are those of masks: the last query
stands at the last key, unless ``align`` or positions say otherwise.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from regard.errors import KindError, RangeError, ShapeError
from regard.grid import Array, Grid, shape_text, traced
from regard.positions import Positions, aligned


class Bias:
    """Numbers to add to the scores of pairs; biases add up with ``+``."""

    rules_out: bool = True
    """Whether entries may be −∞; a bias that never is may say so, and spares engines a look."""

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        """The numbers for the rectangle; dimensions of 1 broadcast."""
        raise NotImplementedError(f"{type(self).__name__} must define tile(grid)")

    def __add__(self, other: "Bias") -> "Bias":
        if not isinstance(other, Bias):
            raise KindError(
                f"a bias adds up with biases, not with a {type(other).__name__}: "
                "wrap an array of numbers in biases.dense(...)"
            )
        return Sum(self, other, rules_out=self.rules_out or other.rules_out)

    __radd__ = __add__  # an array on the left gets the same explanation
    __array_ufunc__ = None


@dataclass(frozen=True, eq=False)
class Dense(Bias):
    """An array of numbers."""

    values: Any
    rules_out: bool = True

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        return grid.dense(self.values, "biases.dense(values)")


@dataclass(frozen=True, eq=False)
class Sum(Bias):
    """Two biases added up."""

    left: Bias
    right: Bias
    rules_out: bool

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        return self.left.tile(grid) + self.right.tile(grid)


@dataclass(frozen=True, eq=False)
class Alibi(Bias):
    """−m_h · |i − j| of head h."""

    slopes: Any
    positions: Positions
    rules_out: bool = False

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        slopes = self.slopes
        if isinstance(slopes, tuple):  # float32 is as fine as the scores, and half the work
            dtype = grid.xp.float64 if grid.dtype in (None, grid.xp.float64) else grid.xp.float32
            slopes = grid.xp.asarray(slopes, dtype=dtype, device=grid.device)
        slopes = grid.asarray(slopes)
        apart = grid.xp.abs(self.positions.of_keys(grid) - self.positions.of_queries(grid))
        apart = grid.xp.astype(apart, slopes.dtype)
        if slopes.shape[0] == 1:
            return -slopes[0] * apart
        _check_heads("biases.alibi", slopes.shape[0], grid)
        return -slopes[:, None, None] * apart


@dataclass(frozen=True, eq=False)
class Bucketed(Bias):
    """A number of a table, for the bucket that the distance falls into."""

    values: Any
    bidirectional: bool
    max_distance: int
    positions: Positions
    rules_out: bool = False

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        xp, far, values = grid.xp, self.max_distance, self.of_distances(grid)
        ahead = self.positions.of_keys(grid) - self.positions.of_queries(grid)
        if not xp.isdtype(ahead.dtype, "integral"):
            raise KindError(f"biases.bucketed wants positions in whole tokens, not {ahead.dtype}")
        places, heads = _clipped(xp, ahead, far), values.shape[0] if values.ndim > 1 else 1
        if heads > 1:
            _check_heads("biases.bucketed", heads, grid)
            if places.ndim > 2 and places.shape[-3] > 1:  # each head has positions of its own
                size = values.shape[-1]
                places = places + size * grid.indices(range(heads))[:, None, None]
                values, heads = xp.reshape(values, (-1,)), 1
        found = xp.take(values, xp.reshape(places, (-1,)), axis=-1)
        if heads == 1:
            return xp.reshape(found, places.shape)
        if places.ndim > 2:
            places = places[..., 0, :, :]  # where the heads will be
        return xp.moveaxis(xp.reshape(found, (heads, *places.shape)), 0, -3)

    def of_distances(self, grid: Grid) -> Float[Array, "*heads distances"]:
        """The numbers of the distances j − i from −max_distance to max_distance: further ones
        have those of the ends."""
        values = grid.asarray(self.values)
        values = values[0] if values.ndim == 2 and values.shape[0] == 1 else values
        xp, count = grid.xp, values.shape[-1]
        behind = _bucket_of_distance(
            grid, count // (2 if self.bidirectional else 1), self.max_distance
        )
        ahead = behind[1:] + count // 2 if self.bidirectional else xp.zeros_like(behind[1:])
        return xp.take(values, xp.concat([xp.flip(behind), ahead]), axis=-1)


def _clipped(xp: Any, ahead: Any, far: int) -> Any:
    """Distances as places in a table from −far to far; ``ahead`` is used up."""
    if isinstance(ahead, torch.Tensor):
        return ahead.clamp_(-far, far).add_(far)
    return xp.where(ahead > far, far, xp.where(ahead < -far, -far, ahead)) + far


def _bucket_of_distance(grid: Grid, count: int, max_distance: int) -> Int[Array, " distances"]:
    """The bucket of the distances 0 … max_distance: one each for the first half of the buckets,
    then ever wider ones."""
    xp, exact = grid.xp, count // 2
    distance = grid.indices(range(max_distance + 1))
    # As the paper's code has it, in float32: the same distances fall on the same side of an edge.
    far = xp.log(xp.astype(xp.where(distance < 1, 1, distance), xp.float32) / max(exact, 1))
    steps = far / math.log(max_distance / max(exact, 1)) * (count - exact)
    wide = exact + xp.astype(steps, xp.int64)
    return xp.where(distance < exact, distance, xp.where(wide < count, wide, count - 1))


def _check_heads(what: str, count: int, grid: Grid) -> None:
    if not grid.batch or grid.batch[-1] != count:
        heads = grid.batch[-1] if grid.batch else "no"
        raise ShapeError(
            f"{what} has numbers for {count} heads, the third dimension from the right, and the "
            f"scores {grid.pattern} have {heads}"
        )


def dense(values: Float[Array, "*batch Q K"]) -> Bias:
    """Any bias, as numbers ``(Q, K)`` or of full rank ``(*batch, Q, K)``.

    A tensor that requires gradients gets them; the call then streams, because torch's fused
    kernel does not give gradients to a bias in linear memory.

    Raises:
        KindError: the values are not floating-point (booleans are a mask: ``masks.dense``).

    >>> import regard, torch
    >>> x = torch.zeros(1, 2)
    >>> regard.weights(x, torch.zeros(2, 2), bias=dense(torch.tensor([[0.0, -torch.inf]])))
    tensor([[1., 0.]])
    """
    if "float" not in str(getattr(values, "dtype", None)):
        raise KindError(
            "biases.dense wants floating-point numbers, and got "
            f"{getattr(values, 'dtype', type(values).__name__)}; "
            "booleans go to mask=masks.dense(...)"
        )
    return Dense(values, rules_out=traced(values) or bool((values == -math.inf).any()))


def alibi(
    heads: int | Float[Array, " H"],
    *,
    align: str = "end",
    query_positions: Int[Array, "*batch Q"] | None = None,
    key_positions: Int[Array, "*batch K"] | None = None,
) -> Bias:
    """−m_h · |i − j|: the further away, the less; each head forgets at a rate of its own.

    Source:  Press, Smith and Lewis 2022 (arXiv:2108.12409), §3: m_h = 2^(−8h/H), h = 1 … H
    Departs: for H that is no power of 2 the formula is taken as it stands (the authors' code
             interpolates between those of powers of 2); without a causal mask keys ahead count
             by their distance, too
    Cost:    O(Q·K) time; numbers exist a block at a time

    Args:
        heads: H, or the slopes m, ``(H,)``, which may learn.
        align, query_positions, key_positions: as in ``masks.causal``.

    Raises:
        RangeError: fewer than one head.
        ShapeError: when called, scores that have another number of heads.

    >>> import regard, torch
    >>> x = torch.zeros(1, 3, 1)
    >>> regard.weights(x, x, bias=alibi(torch.tensor([1.0])))[0, -1]
    tensor([0.0900, 0.2447, 0.6652])
    """
    if isinstance(heads, int | np.integer) and not isinstance(heads, bool):
        if heads < 1:
            raise RangeError(f"biases.alibi wants a number of heads ≥ 1, and it is {heads}")
        slopes: Any = tuple(2.0 ** (-8.0 * h / int(heads)) for h in range(1, int(heads) + 1))
    else:
        slopes = _table("biases.alibi", heads, "a number of heads, or slopes (H,)", (1,))
    return Alibi(slopes, Positions(aligned(align), query_positions, key_positions))


def bucketed(
    values: Float[Array, "*heads buckets"],
    *,
    bidirectional: bool = True,
    max_distance: int = 128,
    align: str = "end",
    query_positions: Int[Array, "*batch Q"] | None = None,
    key_positions: Int[Array, "*batch K"] | None = None,
) -> Bias:
    """A number for each bucket of distances j − i: exact ones for near keys, ever wider ones
    further away, and one for all beyond ``max_distance``.

    Source:  Raffel et al. 2020, T5 (arXiv:1910.10683), §2.1
    Departs: none; buckets are those of the authors' code
    Cost:    O(Q·K) time; numbers exist a block at a time

    Args:
        values: ``(H, buckets)``, or ``(buckets,)`` for all heads; a tensor that requires gradients
            gets them (the call then streams, as with ``dense``).
        bidirectional: half of the buckets for keys behind the query, half for keys ahead; else
            all for keys behind, and keys ahead share that of distance 0.
        max_distance: tokens.
        align, query_positions, key_positions: as in ``masks.causal``.

    Raises:
        KindError, ShapeError: values that are no such table.
        RangeError: too few buckets, or a ``max_distance`` that the exact ones reach.

    >>> import regard, torch
    >>> x = torch.zeros(4, 1)
    >>> table = torch.tensor([0.0, -1.0, -2.0, -3.0])
    >>> bias = bucketed(table, bidirectional=False, max_distance=4)
    >>> regard.weights(x, x, bias=bias)[-1]
    tensor([0.0321, 0.0871, 0.2369, 0.6439])
    """
    values = _table("biases.bucketed", values, "values (H, buckets) or (buckets,)", (1, 2))
    count, sides = values.shape[-1], 2 if bidirectional else 1
    if count < 2 * sides or count % sides:
        raise RangeError(
            f"biases.bucketed wants an even number of buckets, at least {2 * sides}, for "
            f"bidirectional={bidirectional}, and there are {count}"
            if bidirectional
            else f"biases.bucketed wants at least 2 buckets, and there are {count}"
        )
    if isinstance(max_distance, bool) or not isinstance(max_distance, int):
        raise KindError(f"max_distance is a whole number of tokens, and it is {max_distance!r}")
    if max_distance <= count // sides // 2:
        raise RangeError(
            f"biases.bucketed has buckets of their own for distances below {count // sides // 2}, "
            f"and max_distance is to be above that; it is {max_distance}"
        )
    positions = Positions(aligned(align), query_positions, key_positions)
    return Bucketed(values, bidirectional, max_distance, positions)


def _table(what: str, values: Any, pattern: str, ranks: tuple[int, ...]) -> Any:
    if "float" not in str(getattr(values, "dtype", None)):
        raise KindError(
            f"{what} wants {pattern} as an array of floating-point numbers, and got {values!r}"
        )
    if values.ndim not in ranks or 0 in values.shape:
        raise ShapeError(f"{what} wants {pattern}, and they are {shape_text(tuple(values.shape))}")
    return values
