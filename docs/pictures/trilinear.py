"""The parts of a trilinear score, one by one: docs/scores/trilinear.md."""

import torch

from pictures import beside
from pictures.plane import looks
from regard.scores import Trilinear

NOTHING = torch.zeros(2)
DRINKS = torch.tensor([0.0, 1.0])
BOTH = torch.tensor([0.5, 0.5])


def draw() -> str:
    return beside(
        looks(Trilinear(DRINKS, NOTHING, NOTHING), "w₁ᵀk alone"),
        looks(Trilinear(NOTHING, NOTHING, BOTH), "w₃ᵀ(q ∘ k) alone"),
        looks(Trilinear(DRINKS, NOTHING, BOTH), "both"),
    )
