"""Numbers drawn by chance, the same on every machine."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")

AT_ONCE: Final = 256
"""Numbers that are made together: a story takes about 100."""


class Draws:
    """Drawn numbers, which hang on a text alone: SHAKE-256 of it.

    >>> draws = Draws("a seed")
    >>> [draws.below(10) for _ in range(5)]
    [5, 6, 9, 4, 5]
    """

    def __init__(self, seed: str) -> None:
        self._numbers = _numbers(seed)

    def below(self, n: int) -> int:
        """One of 0 … n − 1, each with the same chance, but for one in 2³²/n."""
        return next(self._numbers) * n >> 32

    def one(self, things: Sequence[T]) -> T:
        """One of some things."""
        return things[self.below(len(things))]

    def some(self, things: Sequence[T], n: int) -> list[T]:
        """``n`` different ones, in a drawn order."""
        left = list(things)
        for place in range(n):
            other = place + self.below(len(left) - place)
            left[place], left[other] = left[other], left[place]
        return left[:n]


def _numbers(seed: str) -> Iterator[int]:
    for part in count():
        drawn = hashlib.shake_256(f"{part} {seed}".encode()).digest(4 * AT_ONCE)
        yield from np.frombuffer(drawn, "<u4").tolist()
