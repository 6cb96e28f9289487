"""Weights, and the places that hard attention looks at instead: docs/nn/hard.md."""

import torch

from pictures import beside
from pictures.plane import WORDS, vectors
from regard.nn import HardAttention
from regard.view import svg
from regard.view.alignment import Alignment


def draw() -> str:
    torch.manual_seed(4)
    attention, words = HardAttention(2, score="dot", expectation=0.0), 0.5 * vectors()[None]
    one, other = attention(words, words), attention(words, words)
    likeliest = attention.eval()(words, words)
    rows = {
        "α": one.weights,
        "a sample s̃": one.sample,
        "another sample": other.sample,
        "in evaluation": likeliest.sample,
    }
    tokens = tuple(WORDS)
    drawn = [Alignment(tokens, tokens, x[0], title=name) for name, x in rows.items()]
    return beside(*(svg.heatmap(x, axes=("key", "query")) for x in drawn), columns=2)
