"""Handwritten digits that come with scikit-learn, in three parts that share no image."""

import hashlib
from functools import cache
from typing import Final, NamedTuple

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
    found = load_digits()
    # 17 levels of grey, 0 … 16.
    images = (found.images * (255 / 16)).round().astype(np.uint8)
    ranks = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    order = sorted(range(len(images)), key=ranks.__getitem__)

    def part(places: list[int]) -> Digits:
        return Digits(images[places], found.target[places])

    return Parts(part(order[TEST + VALID :]), part(order[TEST : TEST + VALID]), part(order[:TEST]))
