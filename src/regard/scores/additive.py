"""Additive score: vᵀ tanh(q + k), or with another activation than tanh."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from jaxtyping import Float

from regard.errors import KindError, ShapeError, UnknownName
from regard.grid import Array, namespace, shape_text
from regard.scores.score import Score, heads_fit, same_library

Activation = Literal["tanh", "sigmoid", "relu", "leaky_relu"]
ACTIVATIONS = get_args(Activation)


@dataclass(frozen=True, eq=False)
class Additive(Score):
    """Additive score (Bahdanau et al. 2015): vᵀ tanh(q + k), of projected q = W s and k = U h.

    Source:  arXiv:1409.0473, App. A.1.2        Also: bahdanau, mlp, concat, luong_concat
    Departs: W and U are not part of it: query and key come projected to the same D features
             (``nn.Attention`` owns the projections). Luong's concat, vᵀ tanh(W [s; h]), is this
             with W split in two.
    Engine:  engines/additive_numba/scores.py on the CPU, engines/additive_triton/tiles.py on GPUs
    Cost:    O(Q·K·D) time; of the (Q, K, D) tensor the engines hold nothing

    Args:
        weight: v, ``(D,)``, or one per head, ``(H, D)``.
        activation: what stands in the place of tanh: "tanh", "sigmoid", "relu" or "leaky_relu"
            (the last is GATv2's score, Brody et al. 2022, arXiv:2105.14491, eq. 7).
        negative_slope: of leaky_relu, for x < 0; GATv2's is 0.2.

    Raises:
        UnknownName: an activation that is none of these.
        KindError: a slope that is no number.
    """

    weight: Float[Array, "*heads D"]
    activation: Activation = "tanh"
    negative_slope: float = 0.01

    per_head: ClassVar[dict[str, int]] = {"weight": 1}

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise UnknownName(
                f"scores.Additive has the activations {', '.join(ACTIVATIONS)}, "
                f"not {self.activation!r}"
            )
        if not isinstance(self.negative_slope, int | float):
            raise KindError(
                f"scores.Additive wants a number for negative_slope, not {self.negative_slope!r}"
            )

    def __call__(
        self, query: Float[Array, "*batch Q D"], key: Float[Array, "*batch K D"]
    ) -> Float[Array, "*batch Q K"]:
        xp = namespace(query, key, self.weight)
        pairs = self._activate(xp, query[..., :, None, :] + key[..., None, :, :])
        weight = xp.astype(self.weight, pairs.dtype, copy=False)
        if weight.ndim == 1:
            return pairs @ weight
        return (pairs @ weight[..., None, :, None])[..., 0]

    def _activate(self, xp: Any, x: Any) -> Any:
        if self.activation == "tanh":
            return xp.tanh(x)
        if self.activation == "sigmoid":
            return 0.5 + 0.5 * xp.tanh(0.5 * x)  # 1/(1 + exp(−x)) without overflow
        slope = self.negative_slope if self.activation == "leaky_relu" else 0.0
        return xp.where(x > 0, x, slope * x)

    def additive(self) -> "AdditiveForm":
        return AdditiveForm(self, None)

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


class AdditiveForm(NamedTuple):
    """A score in its additive form, ``score(query + shift, key)``, but for a constant, which is
    none to softmax; ``shift`` ``(*heads, D)``, None: 0."""

    score: Additive
    shift: Any
