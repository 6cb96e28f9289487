"""A score that asks the query alone where to look: docs/scores/location.md."""

import torch

from pictures import beside
from pictures.plane import WORDS, looks
from regard.scores import Location

PLACES = torch.linspace(-1, 1, len(WORDS))
WHERE_AND_HOW_SHARP = torch.stack([PLACES, -4 * PLACES**2])  # (E, places)


def draw() -> str:
    where = torch.stack([PLACES, 0 * PLACES])
    return beside(
        looks(Location(where), "W: the first feature says where"),
        looks(Location(WHERE_AND_HOW_SHARP), "and the second how sharply"),
    )
