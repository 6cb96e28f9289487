"""Trilinear score: w₁ᵀk + w₂ᵀq + w₃ᵀ(q ∘ k)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.score import (
    InnerProduct,
    Score,
    heads_fit,
    ones_column,
    same_features,
    same_library,
)


@dataclass(frozen=True, eq=False)
class Trilinear(Score):
    """Trilinear score (Seo et al. 2017, BiDAF): w₁ᵀk + w₂ᵀq + w₃ᵀ(q ∘ k).

    The paper writes it wᵀ[h; u; h ∘ u]: a linear layer over both vectors and their product.

    Source:  arXiv:1611.01603, §2, layer 4 (attention flow)        Also: bidaf
    Departs: w is written in its three parts; nothing is concatenated for a pair
    Lowers:  an inner product, (w₃ ∘ q + w₁, w₂ᵀq) with (k, 1)
    Engine:  engines/sdpa.py
    Cost:    O(Q·K·E) time

    Args:
        key_weight, query_weight, product_weight: w₁, w₂, w₃, each ``(E,)``, or one per head,
            ``(H, E)``.

    >>> import numpy
    >>> one = numpy.ones(2)
    >>> Trilinear(one, 10 * one, 100 * one)(numpy.array([[1.0, 2.0]]), numpy.array([[3.0, 4.0]]))
    array([[1137.]])
    """

    key_weight: Float[Array, "*heads E"]
    query_weight: Float[Array, "*heads E"]
    product_weight: Float[Array, "*heads E"]

    per_head: ClassVar[dict[str, int]] = {
        "key_weight": 1,
        "query_weight": 1,
        "product_weight": 1,
    }

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        xp = namespace(query, key)
        of_key, of_query, of_both = (
            xp.astype(weight, query.dtype, copy=False)[..., None, :]
            for weight in (self.key_weight, self.query_weight, self.product_weight)
        )
        alone = xp.sum(query * of_query, axis=-1, keepdims=True)
        rows = xp.concat([query * of_both + of_key, alone], axis=-1)
        return InnerProduct(rows, xp.concat([key, ones_column(key)], axis=-1), 1.0)

    @property
    def held(self) -> tuple[Any, ...]:
        return (self.key_weight, self.query_weight, self.product_weight)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_features("trilinear", query, key)
        features = query.shape[-1]
        for name in self.per_head:
            weight, what = getattr(self, name), f"the {name} of scores.Trilinear"
            same_library(what, weight, query)
            shape = tuple(weight.shape)
            if shape[-1:] != (features,):
                raise ShapeError(
                    f"{what} wants (E,) = ({features},), or one per head, for query and key of "
                    f"{features} features, and it is {shape_text(shape)}"
                )
            heads_fit(what, shape[:-1], batch)
