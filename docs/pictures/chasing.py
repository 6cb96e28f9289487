"""Two scales and three heads on one sentence: docs/tutorials/chasing.md."""

import numpy as np

import regard
from pictures import beside
from regard.scores import ScaledDot
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ("The", "FBI", "is", "chasing")
FEATURES, HEADS = 6, 3


def draw() -> str:
    random = np.random.default_rng(5)
    embeddings = random.normal(size=(len(WORDS), FEATURES))
    to_query, to_key, _ = random.normal(size=(3, FEATURES, FEATURES)) / 2
    query, key = embeddings @ to_query, embeddings @ to_key
    blunt = regard.weights(query, key, score=ScaledDot(scale=1 / FEATURES))
    sharp = regard.weights(query, key)
    heads = regard.weights(_split(query), _split(key))
    return beside(
        beside(_heatmap(blunt, "one head, 1/D"), _heatmap(sharp, "one head, 1/√D")),
        beside(*(_heatmap(weights, f"head {i} of 3") for i, weights in enumerate(heads, 1))),
        columns=1,
    )


def _split(vectors: np.ndarray) -> np.ndarray:
    return vectors.reshape(len(vectors), HEADS, -1).swapaxes(0, 1)


def _heatmap(weights: np.ndarray, title: str) -> str:
    return svg.heatmap(Alignment(WORDS, WORDS, weights, title=title), axes=("key", "query"))
