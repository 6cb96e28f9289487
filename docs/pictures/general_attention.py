"""Four words and what they look at: docs/tutorials/general_attention.md."""

import numpy as np

import regard
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ((1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1))


def draw() -> str:
    random = np.random.RandomState(42)  # the numbers that numpy.random.seed(42) gives
    to_query, to_key, _ = (random.randint(3, size=(3, 3)) for _ in range(3))
    words = np.array(WORDS)
    weights = regard.weights((words @ to_query).astype(float), (words @ to_key).astype(float))
    tokens = tuple("".join(map(str, word)) for word in WORDS)
    return svg.heatmap(
        Alignment(tokens, tokens, weights, title="General attention"), axes=("key", "query")
    )
