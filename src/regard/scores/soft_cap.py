"""Soft cap: scores that never leave (−c, c)."""

import math
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float

from regard.errors import KindError, RangeError
from regard.grid import Array, namespace
from regard.scores.score import Score


@dataclass(frozen=True, eq=False)
class SoftCap(Score):
    """Another score, held softly within (−c, c): c tanh(score / c).

    Small scores stay as they are; no pair can outshout all others by more than 2c.

    Source:  Gemma Team 2024, Gemma 2 (arXiv:2408.00118), §2 (logit soft-capping, c = 50). Earlier
             Bello et al. 2017 (arXiv:1611.09940) clip to C tanh(score), which scales small scores
             by C: that is ``SoftCap(score', C)`` of a score' that is C times as large.
    Departs: none
    Lowers:  to nothing: tanh of an inner product is none
    Engine:  engines/streaming.py
    Cost:    that of the score, and O(Q·K)

    Args:
        score: a score of ``regard.scores``, or a function of query and key. (A function's −∞ is
            capped as any number is: rule pairs out by a mask.)
        cap: c > 0, in the units of scores (nats, under softmax).

    Raises:
        KindError: a score's name, or a cap that is no number.
        RangeError: a cap that is not above 0, or infinite.

    >>> import numpy
    >>> from regard.scores import Dot
    >>> SoftCap(Dot(), 50.0)(numpy.array([[1.0]]), numpy.array([[2.0], [1000.0]])).round(4)
    array([[ 1.9989, 50.    ]])
    """

    score: Any
    cap: float

    def __post_init__(self) -> None:
        if isinstance(self.score, str | type) or not callable(self.score):
            raise KindError(
                "scores.SoftCap wants a score, such as scores.ScaledDot(), or a function of query "
                f"and key, not {self.score!r}"
            )
        if not isinstance(self.cap, int | float):
            raise KindError(f"scores.SoftCap wants a number for its cap, not {self.cap!r}")
        if not 0 < self.cap < math.inf:
            raise RangeError(f"scores.SoftCap wants a finite cap > 0, and it is {self.cap}")

    def __call__(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K F"]
    ) -> Float[Array, "*batch Q K"]:
        raw = self.score(query, key)
        if not hasattr(raw, "dtype"):
            return raw  # what is no array is told by whoever asked
        return self.cap * namespace(raw).tanh(raw / self.cap)

    def at(self, queries: range, keys: range) -> "SoftCap":
        inner = self._inner
        return self if inner is None else replace(self, score=inner.at(queries, keys))

    def of_heads(self, heads: list[int]) -> "SoftCap":
        inner = self._inner
        return self if inner is None else replace(self, score=inner.of_heads(heads))

    @property
    def _inner(self) -> Score | None:
        return self.score if isinstance(self.score, Score) else None

    @property
    def pairwise(self) -> bool:
        return self._inner is None or self._inner.pairwise

    @property
    def draws(self) -> bool:
        return self._inner is None or self._inner.draws

    @property
    def held(self) -> tuple[Any, ...] | None:
        held = None if self._inner is None else self._inner.held
        return None if held is None else (*held, self.cap)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        if self._inner is not None:
            self._inner.check(query, key, batch)
