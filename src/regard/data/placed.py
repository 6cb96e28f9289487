"""The data set ``digits`` of DRAW: a handwritten digit somewhere on an empty canvas."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Final, overload

import numpy as np
from jaxtyping import UInt8

from regard.data.digits import digits, enlarged
from regard.data.picture import Box, Picture
from regard.data.seen import Seen
from regard.data.splits import Splits
from regard.errors import RangeError

SIZE: Final = 32
"""Rows and columns of the canvas."""

DIGIT: Final = 16
"""Rows and columns of a digit: twice what scikit-learn's has."""

TRAIN, VALID, TEST = 60_000, 1_000, 1_000
"""Images of the parts."""

PARTS: Final = ("train", "valid", "test")


class Placed(Sequence[Seen]):
    """Images of one part, each made when it is asked for, and the same each time.

    An image is given by its number, the seed and the part: a longer sequence begins as a shorter
    one does.

    Args:
        part: "train", "valid" or "test": whose digits they are.
        count: how many images.
        size: rows and columns of the canvas.
        seed: of which digit it is and where it stands.
    """

    def __init__(self, part: str, count: int, size: int = SIZE, seed: int = 0) -> None:
        self.part, self.size = part, size
        self.digits = _doubled()[PARTS.index(part)]
        # Raw bits: of these alone NumPy promises that no release changes them.
        bits = np.random.PCG64(np.random.SeedSequence([seed, PARTS.index(part)]))
        drawn = np.asarray(bits.random_raw(3 * count)).reshape(count, 3)
        places = size - DIGIT + 1
        self.drawn = (drawn % np.array([len(self.digits), places, places], np.uint64)).astype(int)

    def __len__(self) -> int:
        return len(self.drawn)

    @overload
    def __getitem__(self, index: int) -> Seen: ...
    @overload
    def __getitem__(self, index: slice) -> list[Seen]: ...

    def __getitem__(self, index: int | slice) -> Seen | list[Seen]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        which, top, left = self.drawn[index].tolist()
        key = f"{self.part} digit {which} at {top}, {left} of {self.size}×{self.size}"
        draw = partial(_placed, self.digits, (which, top, left), self.size)
        return Seen(Picture(key, key, draw), (Box(top, left, top + DIGIT, left + DIGIT),))


def placed(train: int | None = None, size: int | None = None, seed: int = 0) -> Splits[Seen]:
    """Images of one digit each, of 16×16 pixels, on a canvas of black.

    Which digit it is and where it stands is drawn evenly. The digits of the test part are images
    that no other part has, and so are those of the validation part: see ``digits``. (In black and
    white, one of the 300 cannot be told from one to learn from.)

    Args:
        train: images to learn from; None: 60,000. There are 1,000 to choose by, 1,000 for the
            evaluation.
        size: rows and columns of the canvas; None: 32.
        seed: of which digit it is and where it stands.

    Raises:
        RangeError: no image, or a canvas that is smaller than a digit.
        MissingExtra: scikit-learn is not installed.

    Cost: 24 bytes an image; its pixels are made when they are asked for.
    """
    count, size = TRAIN if train is None else train, SIZE if size is None else size
    if count < 1:
        raise RangeError(f"data.train is at least 1: {count}")
    if size < DIGIT:
        raise RangeError(f"data.size is at least {DIGIT}, the size of a digit: {size}")
    counts = zip(PARTS, (count, VALID, TEST), strict=True)
    learned, valid, test = (Placed(*part, size, seed) for part in counts)
    return Splits(learned, valid, test)


def _placed(
    images: UInt8[np.ndarray, "N 16 16"], draw: tuple[int, int, int], size: int
) -> UInt8[np.ndarray, "H W 1"]:
    which, top, left = draw
    canvas = np.zeros((size, size, 1), np.uint8)
    canvas[top : top + DIGIT, left : left + DIGIT, 0] = images[which]
    return canvas


@cache
def _doubled() -> tuple[UInt8[np.ndarray, "N 16 16"], ...]:
    """The digits of each part at twice their size, 0 or 255: white is what is above half."""
    return tuple(
        np.where(enlarged(part.images, DIGIT) >= 128, 255, 0).astype(np.uint8) for part in digits()
    )
