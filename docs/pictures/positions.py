"""Sinusoids, and what positions alone make of equal tokens: docs/nn/positions.md."""

import torch

import regard
from pictures import beside
from regard.nn import RotaryPositions, SinusoidalPositions
from regard.view import svg
from regard.view.alignment import Alignment

PLACES = tuple(str(place) for place in range(12))
FEATURES = 10


def draw() -> str:
    nothing = torch.zeros(len(PLACES), FEATURES)
    waves = SinusoidalPositions(FEATURES, base=100.0)(nothing)
    names = tuple(f"{('sin', 'cos')[i % 2]}{i // 2}" for i in range(FEATURES))
    table = Alignment(names, PLACES, (waves + 1) / 2, title="sinusoids, −1 … 1 as 0 … 1")
    tokens = torch.ones(len(PLACES), FEATURES)
    turned = RotaryPositions(FEATURES, base=100.0)(tokens)
    return beside(
        svg.heatmap(table, axes=("wave", "place"), amount="value"),
        _weights(waves, "sinusoids of equal tokens"),
        _weights(turned, "equal tokens, turned"),
    )


def _weights(tokens: torch.Tensor, title: str) -> str:
    weights = regard.weights(tokens, tokens, score="dot")
    return svg.heatmap(Alignment(PLACES, PLACES, weights, title=title), axes=("key", "query"))
