"""A dot product, and the same held within a cap: docs/scores/soft_cap.md."""

from pictures import beside
from pictures.plane import looks
from regard.scores import Dot, SoftCap


def draw() -> str:
    return beside(
        looks(Dot(), "qᵀk"),
        looks(SoftCap(Dot(), 3.0), "3 tanh(qᵀk / 3)"),
        looks(SoftCap(Dot(), 1.0), "tanh(qᵀk)"),
    )
