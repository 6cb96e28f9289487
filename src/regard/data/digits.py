"""Handwritten digits that come with scikit-learn, in three parts that share no image."""

import hashlib
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from regard.errors import MissingExtra

WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

TEST, VALID = 300, 150
"""Images of the test and of the validation part; all others are to learn from."""


class Digits(NamedTuple):
    """Images ``(N, 8, 8)``, 0 … 255, white on black, and what each is, 0 … 9."""

    images: UInt8[np.ndarray, "N 8 8"]
    labels: Int[np.ndarray, " N"]


class Parts(NamedTuple):
    """Digits to learn from, to choose by, to be judged on: no image is in two of them."""

    train: Digits
    valid: Digits
    test: Digits


@cache
def digits() -> Parts:
    """1,797 digits of 13 people: 1,347 to learn from, 150 to choose by, 300 to be judged on.

    Images are ranked by a hash of their pixels: the first 300 are the test part, the next 150 the
    validation part. So the parts are the same on every machine, and equal images fall together.

    Raises:
        MissingExtra: scikit-learn is not installed.

    Source: E. Alpaydin and C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository (its test part, which scikit-learn ships), CC BY 4.0.

    >>> [len(part.labels) for part in digits()]
    [1347, 150, 300]
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra(
            "the built-in digits come with scikit-learn: pip install 'regard[image]'"
        ) from error
    found: Any = load_digits()
    # 17 levels of grey, 0 … 16.
    images = (found.images * (255 / 16)).round().astype(np.uint8)
    ranks = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    order = sorted(range(len(images)), key=ranks.__getitem__)

    def part(places: list[int]) -> Digits:
        return Digits(images[places], found.target[places])

    return Parts(part(order[TEST + VALID :]), part(order[TEST : TEST + VALID]), part(order[:TEST]))


def enlarged(
    images: UInt8[np.ndarray, "*batch 8 8"], side: int
) -> UInt8[np.ndarray, "*batch side side"]:
    """Images of digits at another size, bilinear; in whole numbers, so that they are the same on
    every machine.

    >>> enlarged(np.full((8, 8), 100, np.uint8), 12).shape
    (12, 12)
    """
    weights, total = _bilinear(side), (2 * side) ** 2
    sums = weights @ images.astype(np.int64) @ weights.T
    return ((sums + total // 2) // total).astype(np.uint8)


@cache
def _bilinear(side: int, source: int = 8) -> Int[np.ndarray, "side source"]:
    """What each of ``side`` pixels takes of ``source`` pixels, in parts of ``2 * side``."""
    weights = np.zeros((side, source), np.int64)
    for i in range(side):
        # The centre of pixel i, in parts of 2 * side pixels of the source, from its first centre.
        at = (2 * i + 1) * source - side
        low, part = divmod(at, 2 * side)
        weights[i, max(low, 0)] += 2 * side - part
        weights[i, min(low + 1, source - 1)] += part
    return weights
