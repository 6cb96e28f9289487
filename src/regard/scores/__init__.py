"""How well does this key match this query?  One formula a file.

Inner products, after rewriting query and key; they run on torch's fused kernel:

Dot()                        qᵀk                               scores/dot.py
ScaledDot(scale)             qᵀk / √E                          scores/dot.py
Bilinear(weight)             qᵀ W k                            scores/bilinear.py
Cosine(scale)                β qᵀk / (‖q‖ ‖k‖)                 scores/cosine.py
Distance(sigma)              −‖q − k‖² / (2σ²)                 scores/distance.py
Trilinear(w₁, w₂, w₃)        w₁ᵀk + w₂ᵀq + w₃ᵀ(q ∘ k)          scores/trilinear.py
SymmetricReLU(U, D)          ReLU(Uq)ᵀ D ReLU(Uk)              scores/symmetric_relu.py
Location(weight)             (W q)_j, of the place j alone     scores/location.py

Additive, with fused kernels of the project's own:

Additive(weight)             vᵀ tanh(q + k)                    scores/additive.py
NormalizedAdditive(weight)   g vᵀ/‖v‖ tanh(q + k + b) + r      scores/normalized_additive.py

Neither; these stream in tiles:

SoftCap(score, cap)          c tanh(score / c)                 scores/soft_cap.py
any function                 f(query, key) -> (…, Q, K), pairwise
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from regard.errors import KindError, UnknownName
from regard.scores.additive import Additive
from regard.scores.bilinear import Bilinear
from regard.scores.cosine import Cosine
from regard.scores.distance import Distance
from regard.scores.dot import Dot, ScaledDot
from regard.scores.location import Location
from regard.scores.normalized_additive import NormalizedAdditive
from regard.scores.score import InnerProduct, Score
from regard.scores.soft_cap import SoftCap
from regard.scores.symmetric_relu import SymmetricReLU
from regard.scores.trilinear import Trilinear

AnyScore: TypeAlias = Score | Callable[[Any, Any], Any]

SCORES: dict[str, type[Score]] = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "bilinear": Bilinear,
    "additive": Additive,
    "normalized_additive": NormalizedAdditive,
    "cosine": Cosine,
    "distance": Distance,
    "trilinear": Trilinear,
    "symmetric_relu": SymmetricReLU,
    "location": Location,
}

ALIASES = {
    "luong_dot": "dot",
    "general": "bilinear",
    "multiplicative": "bilinear",
    "luong_general": "bilinear",
    "bahdanau": "additive",
    "mlp": "additive",
    "concat": "additive",
    "luong_concat": "additive",
    "bahdanau_norm": "normalized_additive",
    "content": "cosine",
    "gaussian": "distance",
    "rbf": "distance",
    "bidaf": "trilinear",
    "fusionnet": "symmetric_relu",
    "luong_location": "location",
}

PARAMETRIC = {
    "bilinear": "score=scores.Bilinear(weight) with a weight (E, F)",
    "additive": "score=scores.Additive(weight) with a weight (D,), query and key projected to D",
    "normalized_additive": "score=scores.NormalizedAdditive(weight, gain, bias, offset) with a "
    "weight (D,), query and key projected to D",
    "trilinear": "score=scores.Trilinear(key_weight, query_weight, product_weight), each (E,)",
    "symmetric_relu": "score=scores.SymmetricReLU(projection, diagonal), (D, E) and (D,)",
    "location": "score=scores.Location(weight) with a weight (E, places)",
}
"""Scores that hold learned tensors, and what to write instead of their names."""


def named(score: AnyScore | str) -> AnyScore:
    """The score that a name stands for; scores and functions pass.

    Raises:
        UnknownName: no score is called so, or its learned tensors are missing.
        KindError: neither a name nor a score nor a function.
    """
    if not isinstance(score, str):
        if not callable(score) or isinstance(score, type):
            raise KindError(
                "score is a name, a score such as scores.Cosine(), or a function of "
                f"query (…, Q, E) and key (…, K, F); {score!r} is none of them"
            )
        return score
    name = canonical(score)
    if name in PARAMETRIC:
        raise UnknownName(
            f"the {score!r} score has learned tensors: write {PARAMETRIC[name]}, "
            f"or let regard.nn.Attention(..., score={score!r}) own them"
        )
    return SCORES[name]()


def canonical(name: str) -> str:
    """The library's name for an author's name: ``"bahdanau"`` → ``"additive"``.

    Raises:
        UnknownName: no score is called so; the message lists the names.
    """
    found = ALIASES.get(name, name)
    if found not in SCORES:
        raise UnknownName(
            f"no score is called {name!r}; the scores are {', '.join(SCORES)} "
            f"(also known as {', '.join(ALIASES)}), or a function of query and key"
        )
    return found


__all__ = [
    "ALIASES",
    "PARAMETRIC",
    "SCORES",
    "Additive",
    "AnyScore",
    "Bilinear",
    "Cosine",
    "Distance",
    "Dot",
    "InnerProduct",
    "Location",
    "NormalizedAdditive",
    "ScaledDot",
    "Score",
    "SoftCap",
    "SymmetricReLU",
    "Trilinear",
    "canonical",
    "named",
]
