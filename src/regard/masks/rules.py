"""The rules themselves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Int

from regard.errors import KindError, ShapeError
from regard.grid import Array, Grid, shape_text, traced
from regard.masks.mask import Extent, Mask, Spans
from regard.positions import Positions


def _clip(xp: Any, x: Any, low: int, high: int) -> Any:
    # xp.clip asks whether its bounds are NaN, and torch.compile cannot ask that of a size.
    return xp.where(x < low, low, xp.where(x > high, high, x))


@dataclass(frozen=True, eq=False)
class Window(Mask):
    """Keys at positions p − before … p + after of a query at p; ``None`` is without end."""

    before: int | None
    after: int | None
    positions: Positions

    @property
    def sized(self) -> bool:
        return self.positions.given

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        query: Any = self.positions.of_queries(grid)
        key: Any = self.positions.of_keys(grid)
        if self.before is None:
            return key <= query + self.after if self.after is not None else key == key
        near = key >= query - self.before
        return near if self.after is None else near & (key <= query + self.after)

    def spans(self, grid: Grid) -> Spans | None:
        if self.positions.key_positions is not None:
            return None
        query, keys, xp = self.positions.of_queries(grid), grid.n_keys, grid.xp
        low = xp.zeros_like(query) if self.before is None else query - self.before
        high = xp.full_like(query, keys) if self.after is None else query + self.after + 1
        return Spans(_clip(xp, low, 0, keys), _clip(xp, high, 0, keys))

    def extent(self, grid: Grid) -> Extent:
        keys = grid.n_keys
        if self.sized:
            return Extent(self._keys_near(grid), full=False)
        offset = self.positions.offset(grid)
        first, last = grid.queries.start + offset, grid.queries.stop - 1 + offset

        def reach(position: int) -> tuple[int, int]:
            low = 0 if self.before is None else position - self.before
            high = keys if self.after is None else position + self.after + 1
            return min(max(low, 0), keys), max(min(high, keys), 0)

        hull = range(reach(first)[0], max(reach(last)[1], reach(first)[0]))
        return Extent(hull, full=all(reach(p) == (hull.start, hull.stop) for p in (first, last)))

    def _keys_near(self, grid: Grid) -> range:
        """Keys within the window of any query of the rectangle, by the positions given."""
        everything, xp = range(grid.n_keys), grid.xp
        # Asking a GPU for numbers would make it wait.
        given = self.positions.query_positions, self.positions.key_positions
        if "cpu" not in str(grid.device) or traced(*given):
            return everything
        query = self.positions.of_queries(grid)
        key = self.positions.of_keys(grid.at(grid.queries, everything))
        if not len(everything) or not math.prod(query.shape):
            return everything
        near = xp.ones_like(key, dtype=xp.bool)
        if self.before is not None:
            near = near & (key >= xp.min(query) - self.before)
        if self.after is not None:
            near = near & (key <= xp.max(query) + self.after)
        found = xp.nonzero(xp.any(xp.reshape(near, (-1, grid.n_keys)), axis=0))[0]
        return range(int(found[0]), int(found[-1]) + 1) if len(found) else range(0)

    def is_triangle(self, grid: Grid) -> bool:
        straight = self.positions.align == "start" or grid.n_queries == grid.n_keys
        return straight and self.before is None and self.after == 0 and not self.sized


@dataclass(frozen=True, eq=False)
class Padding(Mask):
    """Key j of batch row b is seen where j < lengths[b]."""

    lengths: Any

    @property
    def per_key(self) -> bool:
        return True

    def tile(self, grid: Grid) -> Bool[Array, "*#batch 1 k"]:
        return grid.indices(grid.keys)[None, :] < self._stop(grid)

    def spans(self, grid: Grid) -> Spans:
        stop = _clip(grid.xp, self._stop(grid), 0, grid.n_keys)
        return Spans(grid.xp.zeros_like(stop), stop)

    def _stop(self, grid: Grid) -> Int[Array, "*#batch 1 1"]:
        return grid.per_row_of_batch(self.lengths, "masks.padding(lengths)")


@dataclass(frozen=True, eq=False)
class Segments(Mask):
    """Query i sees key j where both carry the same id."""

    query_ids: Any
    key_ids: Any

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        query = grid.per_query(self.query_ids, "query_ids of masks.segments")
        key = grid.per_key(self.key_ids, "key_ids of masks.segments")
        return query == key


@dataclass(frozen=True, eq=False)
class Dense(Mask):
    """An array of booleans."""

    allowed: Any

    @property
    def per_key(self) -> bool:
        return self.allowed.shape[-2] == 1

    def tile(self, grid: Grid) -> Bool[Array, "*#batch q k"]:
        return grid.dense(self.allowed, "masks.dense(allowed)")


@dataclass(frozen=True, eq=False)
class Predicate(Mask):
    """A function of the indices of query and key."""

    function: Callable[[Any, Any], Any]

    def tile(self, grid: Grid) -> Bool[Array, "q k"]:
        query, key = grid.indices(grid.queries)[:, None], grid.indices(grid.keys)[None, :]
        allowed = self.function(query, key)
        if getattr(allowed, "dtype", None) != grid.xp.bool:
            raise KindError(
                "the function of masks.predicate gets indices of queries (q, 1) and keys (1, k) "
                f"and must give booleans, and gave {getattr(allowed, 'dtype', type(allowed))}"
            )
        rectangle = (len(grid.queries), len(grid.keys))
        if not all(
            have == 1 or have == want  # so written, torch.compile knows it of sizes that vary
            for have, want in zip(allowed.shape[::-1], rectangle[::-1], strict=False)
        ):
            raise ShapeError(
                "the function of masks.predicate gets indices of queries (q, 1) and keys (1, k), "
                f"here {rectangle[0]} and {rectangle[1]} of them, and must give (q, k) or what "
                f"broadcasts to it; it gave {shape_text(tuple(allowed.shape))}"
            )
        return grid.xp.broadcast_to(allowed, rectangle)
