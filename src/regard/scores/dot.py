"""Dot-product scores: qᵀk, and qᵀk divided by √E."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from regard.errors import KindError
from regard.grid import Array
from regard.scores.score import InnerProduct, Score, same_features


@dataclass(frozen=True)
class Dot(Score):
    """Dot-product score (Luong et al. 2015): qᵀk.

    Source:  arXiv:1508.04025, §3.1        Also: luong_dot
    Departs: none
    Engine:  engines/sdpa.py (it is an inner product)
    Cost:    O(Q·K·E) time

    >>> import numpy
    >>> Dot()(numpy.array([[2.0, 3.0]]), numpy.array([[4.0, 1.0]]))
    array([[11.]])
    """

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        return InnerProduct(query, key, 1.0)

    @property
    def held(self) -> tuple[Any, ...]:
        return ()

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("dot", query, key)


@dataclass(frozen=True)
class ScaledDot(Score):
    """Scaled dot-product score (Vaswani et al. 2017): scale · qᵀk, scale = 1/√E unless given.

    Source:  arXiv:1706.03762, §3.2.1
    Departs: none
    Engine:  engines/sdpa.py (it is an inner product)
    Cost:    O(Q·K·E) time

    Args:
        scale: what the dot product is multiplied by; None: 1/√E.
    """

    scale: float | None = None

    def __post_init__(self) -> None:
        if not (self.scale is None or isinstance(self.scale, int | float)):
            raise KindError(f"scores.ScaledDot wants a number for its scale, not {self.scale!r}")

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        features = max(query.shape[-1], 1)
        return InnerProduct(query, key, features**-0.5 if self.scale is None else self.scale)

    @property
    def held(self) -> tuple[Any, ...]:
        return () if self.scale is None else (self.scale,)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("scaled_dot", query, key)
