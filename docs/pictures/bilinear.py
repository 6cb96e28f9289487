"""A bilinear score that lets verbs look at things: docs/scores/bilinear.md."""

import torch

from pictures import beside
from pictures.plane import looks
from regard.scores import Bilinear

VERB_TO_THING = torch.tensor([[0.0, 1.0], [0.0, 0.0]])  # q's first feature meets k's second


def draw() -> str:
    return beside(
        looks(Bilinear(torch.eye(2)), "W = identity: the dot product"),
        looks(Bilinear(VERB_TO_THING), "W = (0 1; 0 0): verb times thing"),
    )
