"""What is known about a pair from its positions: numbers added to the scores.

A bias, like a mask, is asked about rectangles of the (query, key) plane, never about all of it.
An entry of −∞ rules the pair out, as a mask would.
"""

import math
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from regard.errors import KindError
from regard.grid import Array, Grid, traced


class Bias:
    """Numbers to add to the scores of pairs."""

    rules_out: bool = True
    """Whether entries may be −∞; a bias that never is may say so, and spares engines a look."""

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        """The numbers for the rectangle; dimensions of 1 broadcast."""
        raise NotImplementedError(f"{type(self).__name__} must define tile(grid)")


@dataclass(frozen=True, eq=False)
class Dense(Bias):
    """An array of numbers."""

    values: Any
    rules_out: bool = True

    def tile(self, grid: Grid) -> Float[Array, "*#batch q k"]:
        return grid.dense(self.values, "biases.dense(values)")


def dense(values: Float[Array, "*batch Q K"]) -> Bias:
    """Any bias, as numbers ``(Q, K)`` or of full rank ``(*batch, Q, K)``.

    A tensor that requires gradients gets them; the call then streams, because torch's fused
    kernel does not give gradients to a bias in linear memory.

    Raises:
        KindError: the values are not floating-point (booleans are a mask: ``masks.dense``).
    """
    if "float" not in str(getattr(values, "dtype", None)):
        raise KindError(
            "biases.dense wants floating-point numbers, and got "
            f"{getattr(values, 'dtype', type(values).__name__)}; "
            "booleans go to mask=masks.dense(...)"
        )
    return Dense(values, rules_out=traced(values) or bool((values == -math.inf).any()))
