"""Images and captions as numbers."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from regard.data.batching import pad
from regard.data.captioned import Captioned
from regard.data.picture import Picture
from regard.data.vocabulary import BEGIN, END, Vocabulary
from regard.errors import DataError, ShapeError


class CaptionBatch(NamedTuple):
    """Images ``(B, C, S, S)``, 0 … 255, and captions ``(B, T)`` as numbers, padded with PAD, with
    their lengths. A caption begins with BEGIN and ends with END."""

    images: UInt8[Tensor, "B C S S"]
    target: Int[Tensor, "B T"]
    target_lengths: Int[Tensor, " B"]


class CaptionEncoding(NamedTuple):
    """How captioned images become numbers: the words, the images' pixels a side and channels (1 or
    3), and the words of the longest caption to learn from."""

    words: Vocabulary
    size: int
    channels: int
    longest: int = 50

    @staticmethod
    def of(examples: Sequence[Captioned], words: Vocabulary) -> "CaptionEncoding":
        """The encoding of examples to learn from, whose images are all of one size."""
        size, _, channels = examples[0].image.pixels.shape
        longest = max(len(words.split(example.caption)) for example in examples)
        return CaptionEncoding(words, size, channels, longest)

    def images(self, pictures: Iterable[Picture]) -> UInt8[Tensor, "B C S S"]:
        """The pixels of pictures.

        Raises:
            ShapeError: one of another size, or of other channels.
        """
        wanted, arrays = (self.size, self.size, self.channels), []
        for picture in pictures:
            pixels = picture.pixels
            if pixels.shape != wanted:
                raise ShapeError(
                    f"{picture.name}: this model reads images (rows, columns, channels) of "
                    f"{wanted}, and this is {pixels.shape}"
                )
            arrays.append(pixels)
        stacked = np.stack(arrays) if arrays else np.zeros((0, *wanted), np.uint8)
        return torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))

    def batch(self, examples: Sequence[Captioned]) -> CaptionBatch:
        """Captioned images as one batch."""
        targets = pad([[BEGIN, *self.words.encode(one.caption), END] for one in examples])
        return CaptionBatch(self.images(one.image for one in examples), *targets)

    def length(self, example: Captioned) -> int:
        """Tokens of the caption, END among them."""
        return len(self.words.encode(example.caption)) + 1

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "words": self.words.to_json()}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "CaptionEncoding":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            numbers = [int(stored[name]) for name in ("size", "channels", "longest")]
            if min(numbers) < 1 or numbers[1] not in (1, 3):
                raise ValueError
            words = stored["words"]
        except (KeyError, TypeError, ValueError):
            raise DataError("no words and sizes of captioned images") from None
        return CaptionEncoding(Vocabulary.from_json(words), *numbers)
