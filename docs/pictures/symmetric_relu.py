"""The symmetric score beside the dot product: docs/scores/symmetric_relu.md."""

import torch

from pictures import beside
from pictures.plane import looks
from regard.scores import ScaledDot, SymmetricReLU

U = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # drinking eating drinks food


def draw() -> str:
    half = torch.full((4,), 0.5)
    things = torch.tensor([0.0, 0.0, 0.5, 0.5])
    return beside(
        looks(ScaledDot(scale=0.5), "qᵀk / 2"),
        looks(SymmetricReLU(U, half), "ReLU(Uq)ᵀ D ReLU(Uk), D = ½"),
        looks(SymmetricReLU(U, things), "D = 0 for the verbs"),
    )
