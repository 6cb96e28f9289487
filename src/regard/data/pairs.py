"""Pairs of texts, the food of a translator: what they are, and how a file of them is read."""

from typing import NamedTuple


class Pair(NamedTuple):
    """A text and what it should become."""

    source: str
    target: str


class Splits(NamedTuple):
    """Pairs to learn from, to choose by, and to be judged on."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]
