"""How well does this key match this query?  One formula a file.

Dot()             qᵀk                           scores/dot.py
ScaledDot()       qᵀk / √E                      scores/dot.py
Bilinear(weight)  qᵀ W k                        scores/bilinear.py
Additive(weight)  vᵀ tanh(q + k)                scores/additive.py
Cosine(scale)     β qᵀk / (‖q‖ ‖k‖)             scores/cosine.py
any function      f(query, key) -> (…, Q, K), pairwise
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from regard.errors import KindError, UnknownName
from regard.scores.additive import Additive
from regard.scores.bilinear import Bilinear
from regard.scores.cosine import Cosine
from regard.scores.dot import Dot, ScaledDot
from regard.scores.score import InnerProduct, Score

AnyScore: TypeAlias = Score | Callable[[Any, Any], Any]

SCORES: dict[str, type[Score]] = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "bilinear": Bilinear,
    "additive": Additive,
    "cosine": Cosine,
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
    "content": "cosine",
}

PARAMETRIC = {
    "bilinear": "score=scores.Bilinear(weight) with a weight (E, F)",
    "additive": "score=scores.Additive(weight) with a weight (D,), query and key projected to D",
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
    "Dot",
    "InnerProduct",
    "ScaledDot",
    "Score",
    "canonical",
    "named",
]
