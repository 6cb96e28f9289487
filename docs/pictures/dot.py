"""Dot and scaled dot, on the words of the plane: docs/scores/dot.md."""

from pictures import beside
from pictures.plane import looks
from regard.scores import Dot, ScaledDot


def draw() -> str:
    return beside(
        looks(Dot(), "dot: qᵀk"),
        looks(ScaledDot(), "scaled_dot: qᵀk / √E"),
        looks(ScaledDot(scale=1 / 10), "scale given: qᵀk / 10"),
    )
