"""Cosine, blunt and sharp, on the words of the plane: docs/scores/cosine.md."""

from pictures import beside
from pictures.plane import looks
from regard.scores import Cosine


def draw() -> str:
    return beside(*(looks(Cosine(beta), f"cosine, β = {beta:g}") for beta in (1.0, 5.0, 20.0)))
