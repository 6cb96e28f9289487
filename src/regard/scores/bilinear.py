"""Bilinear score: qᵀ W k."""

from dataclasses import dataclass

import array_api_compat
from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, shape_text
from regard.scores.score import InnerProduct, Score


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

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> InnerProduct:
        xp = array_api_compat.array_namespace(query, self.weight)
        return InnerProduct(query @ xp.astype(self.weight, query.dtype, copy=False), key, 1.0)

    def check(self, query_features: int, key_features: int) -> None:
        if tuple(self.weight.shape[-2:]) != (query_features, key_features):
            raise ShapeError(
                f"scores.Bilinear wants a weight (E, F) = ({query_features}, {key_features}) for "
                f"query (…, Q, {query_features}) and key (…, K, {key_features}), "
                f"and it is {shape_text(tuple(self.weight.shape))}"
            )
