"""Additive score: vᵀ tanh(q + k)."""

from dataclasses import dataclass

import array_api_compat
from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, shape_text
from regard.scores.score import Score


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

    def check(self, query_features: int, key_features: int) -> None:
        features = self.weight.shape[-1]
        if not query_features == key_features == features:
            raise ShapeError(
                f"scores.Additive with a weight {shape_text(tuple(self.weight.shape))} wants query "
                f"(…, Q, {features}) and key (…, K, {features}), already projected, and they have "
                f"{query_features} and {key_features} features (regard.nn.Attention projects them)"
            )
