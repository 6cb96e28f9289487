"""Distance, of three widths, on the words of the plane: docs/scores/distance.md."""

from pictures import beside
from pictures.plane import looks
from regard.scores import Distance


def draw() -> str:
    return beside(
        *(looks(Distance(sigma), f"distance, σ = {sigma:g}") for sigma in (0.5, 1.0, 3.0))
    )
