"""An image as examples hold it: a name, and pixels that are there when they are asked for; and a
region of one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import UInt8

SIDES: Final = (8, 1024)
"""Pixels that a side of an image may have once it is brought to its size."""


@dataclass(frozen=True)
class Picture:
    """An image.

    Two pictures are equal when their keys are, so that examples can be compared, grouped and split
    without a pixel being read.

    Attributes:
        name: what messages and pages call it: a file, or a made-up image's number.
        key: a text that says what the image is; images of other pixels have another.
        load: gives the pixels, ``(H, W, C)``, 0 … 255, of 1 channel (grey) or 3 (red, green, blue);
            the same at each call.

    >>> dot = Picture("dot", "1x1:255", lambda: np.full((1, 1, 1), 255, np.uint8))
    >>> dot.pixels.shape, dot == Picture("another name", "1x1:255", dot.load)
    ((1, 1, 1), True)
    """

    name: str = field(compare=False)
    key: str
    load: Callable[[], UInt8[np.ndarray, "H W C"]] = field(compare=False, repr=False)

    @property
    def pixels(self) -> UInt8[np.ndarray, "H W C"]:
        return self.load()


class Box(NamedTuple):
    """A rectangle of pixels, with its first row and column and without its last.

    >>> Box(0, 10, 5, 20).holds(4, 10), Box(0, 10, 5, 20).holds(5, 10)
    (True, False)
    """

    top: int
    left: int
    bottom: int
    right: int

    def holds(self, y: float, x: float) -> bool:
        """Whether a point, ``y`` rows down and ``x`` columns in, lies within."""
        return self.top <= y < self.bottom and self.left <= x < self.right
