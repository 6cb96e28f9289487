"""The additive score whose length is a number of its own: docs/scores/normalized_additive.md."""

from pictures import beside
from pictures.additive import U, V, W
from pictures.plane import looks, vectors
from regard.scores import NormalizedAdditive


def draw() -> str:
    query, key = vectors() @ W.T, vectors() @ U.T
    return beside(
        *(
            looks(NormalizedAdditive(V, gain=g), f"normalized, g = {g:g}", query=query, key=key)
            for g in (1.0, 4.0, 12.0)
        )
    )
