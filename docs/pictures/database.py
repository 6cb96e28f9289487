"""A select that grows softer: docs/tutorials/database.md."""

import numpy as np

import regard
from pictures import beside
from regard.scores import ScaledDot
from regard.view import svg
from regard.view.alignment import Alignment

COUNTRIES = ("DE", "FR", "JP")


def draw() -> str:
    keys = np.eye(len(COUNTRIES))
    soft = [(f"scale {scale}", {"score": ScaledDot(scale=scale)}) for scale in (1, 4)]
    drawings = []
    for title, how in (*soft, ("hard", {"normalizer": "hard"})):
        weights = regard.weights(keys, keys, **how)
        drawings.append(
            svg.heatmap(
                Alignment(COUNTRIES, COUNTRIES, weights, title=title), axes=("key", "query")
            )
        )
    return beside(*drawings)
