"""Additive score: vᵀ tanh(q + k)."""

from dataclasses import dataclass
from typing import Any

import array_api_compat
from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, shape_text
from regard.scores.score import Score, heads_fit, same_library


@dataclass(frozen=True, eq=False)
class Additive(Score):
    """Additive score (Bahdanau et al. 2015): vᵀ tanh(q + k), of projected q = W s and k = U h.

    Source:  arXiv:1409.0473, App. A.1.2        Also: bahdanau, mlp, concat, luong_concat
    Departs: W and U are not part of it: query and key come projected to the same D features
             (``nn.Attention`` owns the projections). Luong's concat, vᵀ tanh(W [s; h]), is this
             with W split in two.
    Engine:  engines/streaming.py (it is pairwise, not an inner product)
    Cost:    O(Q·K·D) time; the (Q, K, D) tensor exists one tile at a time

    Args:
        weight: v, ``(D,)``, or one per head, ``(H, D)``.
    """

    weight: Float[Array, "*heads D"]

    def __call__(
        self, query: Float[Array, "*batch Q D"], key: Float[Array, "*batch K D"]
    ) -> Float[Array, "*batch Q K"]:
        xp = array_api_compat.array_namespace(query, key, self.weight)
        pairs = xp.tanh(query[..., :, None, :] + key[..., None, :, :])
        weight = xp.astype(self.weight, pairs.dtype, copy=False)
        if weight.ndim == 1:
            return pairs @ weight
        return (pairs @ weight[..., None, :, None])[..., 0]

    @property
    def held(self) -> tuple[Any, ...]:
        return (self.weight,)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        same_library("the weight of scores.Additive", self.weight, query)
        shape = tuple(self.weight.shape)
        features = shape[-1] if shape else 1
        if not shape or not query.shape[-1] == key.shape[-1] == features:
            raise ShapeError(
                f"scores.Additive with a weight {shape_text(shape)} wants query (…, Q, {features}) "
                f"and key (…, K, {features}), already projected, and they have {query.shape[-1]} "
                f"and {key.shape[-1]} features (regard.nn.Attention projects them)"
            )
        heads_fit("the weight of scores.Additive", shape[:-1], batch)
