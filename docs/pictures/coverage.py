"""The same question asked again and again: docs/nn/coverage.md."""

import torch

from pictures import beside
from regard.nn import CoverageAttention, coverage_loss
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ("the", "storm", "hit", "the", "coast", "at", "night")
WORTH = (0.0, 1.0, 0.6, 0.0, 0.8, 0.0, 0.4)  # for a summary
STEPS = 4


def draw() -> str:
    names = {0.0: "without coverage", -0.1: "with coverage"}
    return beside(*(_read(strength, name) for strength, name in names.items()))


def _read(strength: float, name: str) -> str:
    """Every query asks what is worth most; w_c is the ``strength``."""
    attention = CoverageAttention(1, features=1)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.zero_()
        attention.score.key.weight.fill_(0.08)  # so small that tanh is a line
        attention.score.weight.fill_(250)
        attention.coverage.weight.fill_(strength)
        key = torch.tensor(WORTH)[None, :, None]
        _, weights = attention(torch.zeros(1, STEPS, 1), key, return_weights=True)
    title = f"{name}: loss {coverage_loss(weights).sum():.2f}"
    steps = tuple(str(t + 1) for t in range(STEPS))
    return svg.heatmap(Alignment(WORDS, steps, weights[0], title=title))
