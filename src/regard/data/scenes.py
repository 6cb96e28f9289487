"""The data set ``digits``: scenes of handwritten digits, with captions of what stands where."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Final, NamedTuple, overload

import numpy as np
from jaxtyping import Int, UInt8

from regard.data.captioned import Captioned, CaptionsConfig
from regard.data.digits import WORDS, digits, enlarged
from regard.data.picture import Box, Picture
from regard.data.scenes_drawn import CANVAS, SIZES, Drawn, draw
from regard.data.splits import Splits

TRAIN, VALID, TEST = 20_000, 500, 1_000
"""Scenes of the parts, where nothing else is asked for."""

SMALL: Final = SIZES[0][1]
"""Pixels of a side of a small digit at most; all others are large."""


class Digit(NamedTuple):
    """A digit of a scene: which of the ten it is, the number of its image in the part, and the
    square that it fills, in pixels."""

    label: int
    image: int
    side: int
    top: int
    left: int

    @property
    def box(self) -> Box:
        return Box(self.top, self.left, self.top + self.side, self.left + self.side)


def scenes(config: CaptionsConfig) -> Splits[Captioned]:
    """20,000 scenes to learn from, 500 to choose by and 1,000 to be judged on.

    Each has two to four of scikit-learn's handwritten digits, small or large, on a canvas of 64 by
    64 pixels; its caption names them from left to right, and says how each lies to the next: "a
    small three above a large seven". The three parts share no image of a digit. Of ``config``,
    ``seed`` and ``train`` decide. The pixels of a scene are made when they are asked for.

    Raises:
        MissingExtra: scikit-learn is not installed.

    Cost: half a second for these sizes, and 40 bytes a scene; its pixels, 40 µs when asked for.

    >>> parts = scenes(CaptionsConfig(train=5))
    >>> parts.train[0].caption
    'a large six below a small three left of a small six'
    >>> parts.train[0].image.pixels.shape
    (64, 64, 1)
    """
    train = TRAIN if config.train is None else config.train
    return Splits(
        Scenes.of("train", config.seed, train),
        Scenes.of("valid", config.seed, VALID),
        Scenes.of("test", config.seed, TEST),
    )


class Scenes(Sequence[Captioned]):
    """Scenes of one part, each made when it is asked for."""

    def __init__(self, part: str, drawn: Drawn, numbers: Int[np.ndarray, " N"]) -> None:
        self.part, self._drawn, self._numbers = part, drawn, numbers

    @staticmethod
    def of(part: str, seed: int, count: int) -> "Scenes":
        """The first ``count`` scenes of "train", "valid" or "test"."""
        drawn = draw(getattr(digits(), part), part, seed, count)
        return Scenes(part, drawn, np.arange(count))

    def take(self, indices: Int[np.ndarray, " N"] | Sequence[int]) -> "Scenes":
        """The scenes of those places, in that order."""
        return Scenes(self.part, self._drawn, self._numbers[np.asarray(indices, dtype=np.int64)])

    def scene(self, index: int) -> tuple[Digit, ...]:
        """The digits of a scene, from left to right."""
        number = self._numbers[index]
        rows = zip(*(field[number].tolist() for field in self._drawn), strict=True)
        return tuple(Digit(*row) for row in rows if row[2])

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Captioned: ...
    @overload
    def __getitem__(self, index: slice) -> "Scenes": ...
    def __getitem__(self, index: int | slice) -> "Captioned | Scenes":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        scene = self.scene(index)
        picture = Picture(
            f"{self.part} scene {self._numbers[index]}",
            f"{self.part} " + " ".join(f"{d.image}:{d.side}@{d.top},{d.left}" for d in scene),
            partial(pixels, self.part, scene),
        )
        return Captioned(picture, *caption(scene))


def caption(scene: Sequence[Digit]) -> tuple[str, tuple[Box | None, ...]]:
    """What is said of digits, named in their order, and the box of each word.

    >>> caption([Digit(3, 0, 12, 2, 5), Digit(7, 0, 25, 30, 12)])[0]
    'a small three above a large seven'
    """
    words: list[str] = []
    boxes: list[Box | None] = []
    for place, digit in enumerate(scene):
        if place:
            between = relation(scene[place - 1], digit).split()
            words += between
            boxes += [None] * len(between)
        words += ["a", "small" if digit.side <= SMALL else "large", WORDS[digit.label]]
        boxes += [None, digit.box, digit.box]
    return " ".join(words), tuple(boxes)


def relation(one: Digit, other: Digit) -> str:
    """How a digit lies to another whose centre is farther right."""
    across = (2 * other.left + other.side) - (2 * one.left + one.side)
    down = (2 * other.top + other.side) - (2 * one.top + one.side)
    if abs(across) > abs(down):
        return "left of"
    return "above" if down > 0 else "below"


def pixels(part: str, scene: Sequence[Digit]) -> UInt8[np.ndarray, "64 64 1"]:
    """The scene, white on black; where two digits overlap, the lighter pixel is seen."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for digit in scene:
        top, left, bottom, right = digit.box
        window = canvas[top:bottom, left:right]
        np.maximum(window, scaled(part, digit.image, digit.side), out=window)
    return canvas[..., None]


@cache
def scaled(part: str, image: int, side: int) -> UInt8[np.ndarray, "side side"]:
    """An image of a digit at another size. All of them together are 7 MiB."""
    return enlarged(getattr(digits(), part).images[image], side)
