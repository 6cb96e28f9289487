"""An image as examples hold it: a name, and pixels that are there when they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8


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
