"""Images to be drawn again: what an example is, and how examples are asked for."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from regard.data.picture import SIDES, Box, Picture
from regard.errors import RangeError


class Seen(NamedTuple):
    """An image, and where in it things are, if that is known."""

    image: Picture
    boxes: tuple[Box, ...] = ()


class SeenRows(list[Seen]):
    """Images of files, and what their user should know of those that could not be read: ``notes``,
    a sentence each, and all of them, ``left_out``."""

    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeenConfig:
    """How images are read, brought to one size, made black and white, and split.

    Attributes:
        size: rows and columns of an image; files are scaled and cut to it. null: 28, of digits 32.
        threshold: grey from which a pixel is white, as a share of the whitest.
        train: images of digits to learn from; null: 60,000.
        limit: of files and of MNIST, how many images to learn from at most; null: all.
        valid: of files, share of the different images kept for choosing among states of the model;
            null: 0.1.
        test: of files, share of the different images kept for the evaluation; null: 0.1.
        on_error: what happens at a file that cannot be read: "stop", or "skip" it and tell.
        seed: of the digits' places, or of the split.
    """

    size: int | None = None
    threshold: float = 0.5
    train: int | None = None
    limit: int | None = None
    valid: float | None = None
    test: float | None = None
    on_error: Literal["stop", "skip"] = "stop"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        """
        least, most = SIDES
        if self.size is not None and not least <= self.size <= most:
            raise RangeError(f"data.size is {least} to {most} pixels, or null: {self.size}")
        for name in ("train", "limit"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"data.{name} is at least 1, or null: {number}")
        if not 0 < self.threshold <= 1:
            raise RangeError(
                f"data.threshold is a share of white, above 0 and at most 1: {self.threshold}"
            )
        if self.seed < 0:
            raise RangeError(f"data.seed is at least 0: {self.seed}")
