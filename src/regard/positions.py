"""Where queries and keys stand, for masks and biases that are rules of positions.

Query i of Q stands at i + K − Q (the last query at the last key), key j at j; ``align="start"``
puts query i at i; positions given, one row for all or one per row of the batch, say any.
"""

from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Int

from regard.errors import KindError, UnknownName
from regard.grid import Array, Grid

Align = Literal["end", "start"]


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions of queries and keys; those that are None follow from their places."""

    align: Align
    query_positions: Any = None
    key_positions: Any = None

    @property
    def given(self) -> bool:
        """Whether arrays say where some stand."""
        return self.query_positions is not None or self.key_positions is not None

    def of_queries(self, grid: Grid) -> Int[Array, "*#batch q 1"]:
        """Those of the rectangle's queries."""
        if self.query_positions is not None:
            return _wide(grid, grid.per_query(self.query_positions, "query_positions"))
        return grid.indices(grid.queries)[:, None] + self.offset(grid)

    def of_keys(self, grid: Grid) -> Int[Array, "*#batch 1 k"]:
        """Those of the rectangle's keys."""
        if self.key_positions is not None:
            return _wide(grid, grid.per_key(self.key_positions, "key_positions"))
        return grid.indices(grid.keys)[None, :]

    def offset(self, grid: Grid) -> int:
        """The position of the first query, where none are given."""
        return grid.n_keys - grid.n_queries if self.align == "end" else 0


def _wide(grid: Grid, positions: Any) -> Any:
    """Positions whose differences do not wrap around, as those of unsigned numbers would."""
    if grid.xp.isdtype(positions.dtype, "bool"):
        raise KindError("positions are numbers of tokens, and these are booleans")
    if grid.xp.isdtype(positions.dtype, "integral"):
        return grid.xp.astype(positions, grid.xp.int64, copy=False)
    return positions


def aligned(align: str) -> Align:
    """The word, if it is one of the two.

    Raises:
        UnknownName: it is neither.
    """
    if align not in ("end", "start"):
        raise UnknownName(f"align is 'end' or 'start', not {align!r}")
    return align  # pyright: ignore[reportReturnType]
