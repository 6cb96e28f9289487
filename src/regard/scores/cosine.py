"""Cosine score: β cos(q, k)."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float

from regard.errors import RangeError, ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.score import InnerProduct, Score, fits, same_features, same_library


@dataclass(frozen=True, eq=False)
class Cosine(Score):
    """Cosine score (Graves et al. 2014, content addressing): β qᵀk / (‖q‖ ‖k‖).

    Source:  arXiv:1410.5401, eq. 5–6        Also: content
    Departs: the cosine of a zero vector is 0, and so is its gradient (the paper divides by 0)
    Engine:  engines/sdpa.py (it is an inner product of unit vectors)
    Cost:    O(Q·K·E) time

    Args:
        scale: β ≥ 0, the sharpness: a number, a tensor without dimensions, or one number per
            query, ``(*batch, Q)``.

    Raises:
        RangeError: β is a negative number.

    >>> import numpy
    >>> Cosine()(numpy.array([[2.0, 3.0]]), numpy.array([[4.0, 1.0]])).round(8)
    array([[0.73994007]])
    """

    scale: Float[Array, "*batch Q"] | float = 1.0

    per_head: ClassVar[dict[str, int]] = {"scale": 1}

    def __post_init__(self) -> None:
        if isinstance(self.scale, int | float) and not self.scale >= 0:
            raise RangeError(f"scores.Cosine wants a scale ≥ 0, and it is {self.scale}")

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        if isinstance(self.scale, int | float):
            return InnerProduct(unit(query), unit(key), float(self.scale))
        sharpness = self.scale[..., None] if self.scale.ndim else self.scale
        return InnerProduct(unit(query, sharpness), unit(key), 1.0)

    def at(self, queries: range, keys: range) -> "Cosine":
        if isinstance(self.scale, int | float) or self.scale.ndim == 0:
            return self
        return replace(self, scale=self.scale[..., queries.start : queries.stop])

    @property
    def held(self) -> tuple[Any, ...]:
        return (self.scale,)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("cosine", query, key)
        if isinstance(self.scale, int | float):
            return
        same_library("the scale of scores.Cosine", self.scale, query)
        shape, count = tuple(self.scale.shape), query.shape[-2]
        if shape and not (shape[-1] == count and fits(shape[:-1], batch)):
            raise ShapeError(
                "scores.Cosine wants a scale for each query, "
                f"(*batch, Q) = {shape_text((*batch, count))}, and it is {shape_text(shape)}"
            )


def unit(vectors: Float[Array, "*batch N E"], length: Any = 1.0) -> Float[Array, "*batch N E"]:
    """Vectors of length 1, or of another, in the same directions; a zero vector stays, and passes
    no gradient."""
    xp = namespace(vectors)
    # Dividing by the largest entry first keeps the squares in range; the result does not depend
    # on it, so no gradient needs to pass through it.
    if not vectors.shape[-1]:
        return vectors
    dtype = vectors.dtype
    if xp.finfo(dtype).bits == 16:
        vectors = xp.astype(vectors, xp.float32)  # halves are rounded once, at the end
    if not isinstance(length, int | float):
        length = xp.astype(length, vectors.dtype, copy=False)
    frozen = vectors.detach() if isinstance(vectors, torch.Tensor) else vectors
    largest: Any = xp.max(xp.abs(frozen), axis=-1, keepdims=True)
    nonzero = largest != 0  # so written, NaN is not zero, and is told
    scaled = xp.where(nonzero, vectors, 1.0) / xp.where(nonzero, largest, 1.0)
    norm = xp.sqrt(xp.sum(scaled * scaled, axis=-1, keepdims=True))
    return xp.astype(xp.where(nonzero, scaled / norm, 0.0) * length, dtype, copy=False)
