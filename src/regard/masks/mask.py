"""What a mask is, a rule for pairs of positions that is asked about rectangles; and ``& | ~``."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Int

from regard.errors import KindError
from regard.grid import Array, Grid


class Extent(NamedTuple):
    """Keys outside ``keys`` are ruled out for a block of queries; ``full``: all inside are seen."""

    keys: range
    full: bool


class Spans(NamedTuple):
    """Each query sees one run of keys, start ≤ j < stop, and all of it: ``(*#batch, q, 1)``."""

    start: Int[Array, "*#batch q 1"]
    stop: Int[Array, "*#batch q 1"]


class Mask:
    """A rule for pairs of positions; combine with ``&``, ``|`` and ``~``."""

    @property
    def sized(self) -> bool:
        """Whether it holds arrays, or a function, that may not fit the sizes of a call."""
        return True

    @property
    def per_key(self) -> bool:
        """Whether every query of a sequence may see the same keys."""
        return False

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        """Truth values for the rectangle; dimensions of 1 broadcast."""
        raise NotImplementedError(f"{type(self).__name__} must define tile(grid)")

    def extent(self, grid: Grid) -> Extent:
        """The keys that the rectangle's queries can see, at most; never too few."""
        return Extent(range(grid.n_keys), full=False)

    def spans(self, grid: Grid) -> Spans | None:
        """The mask as a run of keys for each query of the rectangle, where it has that form: two
        numbers a query say all, and fused kernels need no truth value of any pair."""
        return None

    def is_triangle(self, grid: Grid) -> bool:
        """Whether this is exactly: query i sees keys 0 … i (the form that torch has a flag for)."""
        return False

    def __and__(self, other: "Mask") -> "Mask":
        return And(self, _mask(other))

    def __or__(self, other: "Mask") -> "Mask":
        return Or(self, _mask(other))

    __rand__, __ror__ = __and__, __or__  # an array on the left gets the same explanation
    __array_ufunc__ = None

    def __invert__(self) -> "Mask":
        return Not(self)

    def __bool__(self) -> bool:
        raise KindError("a mask has no truth value: combine masks with & | ~, not and, or, not")


def _mask(other: object) -> Mask:
    if not isinstance(other, Mask):
        raise KindError(
            f"a mask combines with masks, not with {type(other).__name__}: "
            "wrap an array of booleans (True = may attend) in masks.dense(...)"
        )
    return other


@dataclass(frozen=True, eq=False)
class Both(Mask):
    """What two masks have in common, however they are combined."""

    left: Mask
    right: Mask

    @property
    def sized(self) -> bool:
        return self.left.sized or self.right.sized

    @property
    def per_key(self) -> bool:
        return self.left.per_key and self.right.per_key


class And(Both):
    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return self.left.tile(grid) & self.right.tile(grid)

    def spans(self, grid: Grid) -> Spans | None:
        left, right = self.left.spans(grid), self.right.spans(grid)
        if left is None or right is None:
            return None
        start = grid.xp.maximum(left.start, right.start)
        return Spans(start, grid.xp.maximum(start, grid.xp.minimum(left.stop, right.stop)))

    def extent(self, grid: Grid) -> Extent:
        left, right = self.left.extent(grid), self.right.extent(grid)
        start = max(left.keys.start, right.keys.start)
        keys = range(start, max(start, min(left.keys.stop, right.keys.stop)))
        return Extent(keys, full=left.full and right.full)


class Or(Both):
    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return self.left.tile(grid) | self.right.tile(grid)

    def extent(self, grid: Grid) -> Extent:
        left, right = self.left.extent(grid), self.right.extent(grid)
        keys = range(min(left.keys.start, right.keys.start), max(left.keys.stop, right.keys.stop))
        return Extent(keys, full=any(side.full and side.keys == keys for side in (left, right)))


@dataclass(frozen=True, eq=False)
class Not(Mask):
    inner: Mask

    @property
    def sized(self) -> bool:
        return self.inner.sized

    @property
    def per_key(self) -> bool:
        return self.inner.per_key

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return ~self.inner.tile(grid)
