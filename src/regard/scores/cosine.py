"""Cosine score: β cos(q, k)."""

from dataclasses import dataclass, replace
from typing import Any

import array_api_compat
from jaxtyping import Float

from regard.errors import RangeError, ShapeError
from regard.grid import Array, shape_text
from regard.scores.score import InnerProduct, Score, same_features


@dataclass(frozen=True, eq=False)
class Cosine(Score):
    """Cosine score (Graves et al. 2014, content addressing): β qᵀk / (‖q‖ ‖k‖).

    Source:  arXiv:1410.5401, eq. 5–6        Also: content
    Departs: the cosine of a zero vector is 0, and so is its gradient (the paper divides by 0)
    Engine:  engines/sdpa.py (it is an inner product of unit vectors)
    Cost:    O(Q·K·E) time

    Args:
        scale: β ≥ 0, the sharpness: a number, or one per query, ``(*batch, Q)``.

    Raises:
        RangeError: β is a negative number.

    >>> import numpy
    >>> Cosine()(numpy.array([[2.0, 3.0]]), numpy.array([[4.0, 1.0]])).round(8)
    array([[0.73994007]])
    """

    scale: Float[Array, "*batch Q"] | float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.scale, int | float) and not self.scale >= 0:
            raise RangeError(f"scores.Cosine wants a scale ≥ 0, and it is {self.scale}")

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        if isinstance(self.scale, int | float):
            return InnerProduct(unit(query), unit(key), float(self.scale))
        xp = array_api_compat.array_namespace(query, self.scale)
        if self.scale.shape[-1:] != query.shape[-2:-1]:
            raise ShapeError(
                f"scores.Cosine wants a scale per query, (…, Q) for query "
                f"{shape_text(tuple(query.shape))}, and it is {shape_text(tuple(self.scale.shape))}"
            )
        sharpness = xp.astype(self.scale, query.dtype, copy=False)[..., None]
        return InnerProduct(unit(query) * sharpness, unit(key), 1.0)

    def rows(self, queries: range) -> "Cosine":
        if isinstance(self.scale, int | float):
            return self
        return replace(self, scale=self.scale[..., queries.start : queries.stop])

    def check(self, query_features: int, key_features: int) -> None:
        same_features("cosine", query_features, key_features)


def unit(vectors: Float[Array, "*batch N E"]) -> Float[Array, "*batch N E"]:
    """Vectors of length 1 in the same directions; a zero vector stays, and passes no gradient."""
    xp = array_api_compat.array_namespace(vectors)
    # Dividing by the largest entry first keeps the squares in range; the result does not depend
    # on it, so no gradient needs to pass through it.
    frozen = vectors.detach() if hasattr(vectors, "detach") else vectors
    largest: Any = xp.max(xp.abs(frozen), axis=-1, keepdims=True)
    nonzero = largest > 0
    scaled = xp.where(nonzero, vectors, 1.0) / xp.where(nonzero, largest, 1.0)
    length = xp.sqrt(xp.sum(scaled * scaled, axis=-1, keepdims=True))
    return xp.where(nonzero, scaled / length, 0.0)
