"""Bilinear score: qᵀ W k."""

from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.score import InnerProduct, Score, heads_fit, same_library


@dataclass(frozen=True, eq=False)
class Bilinear(Score):
    """Bilinear score (Luong et al. 2015, "general"): qᵀ W k.

    Source:  arXiv:1508.04025, §3.1        Also: general, multiplicative, luong_general
    Departs: none
    Engine:  engines/sdpa.py (it is an inner product of Wᵀq and k)
    Cost:    O(Q·E·F + Q·K·F) time

    Args:
        weight: W, ``(E, F)``, or one per head, ``(H, E, F)``.
    """

    weight: Float[Array, "*heads E F"]

    per_head: ClassVar[dict[str, int]] = {"weight": 2}

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> InnerProduct:
        xp = namespace(query, self.weight)
        return InnerProduct(query @ xp.astype(self.weight, query.dtype, copy=False), key, 1.0)

    @property
    def held(self) -> tuple[Any, ...]:
        return (self.weight,)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_library("the weight of scores.Bilinear", self.weight, query)
        shape, e, f = tuple(self.weight.shape), query.shape[-1], key.shape[-1]
        if shape[-2:] != (e, f):
            raise ShapeError(
                f"scores.Bilinear wants a weight (E, F) = ({e}, {f}) for query (…, Q, {e}) and "
                f"key (…, K, {f}), and it is {shape_text(shape)}"
            )
        heads_fit("the weight of scores.Bilinear", shape[:-2], batch)
