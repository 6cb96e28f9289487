"""Black and white images as batches of zeros and ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from regard.data.picture import Picture
from regard.data.seen import Seen
from regard.errors import DataError

SOME = 1000
"""Images of which the share of white pixels is taken."""


class SeenBatch(NamedTuple):
    """Images ``(B, H, W)``, 0 or 1 in each pixel."""

    images: UInt8[Tensor, "B H W"]


class SeenEncoding(NamedTuple):
    """How images become numbers.

    Attributes:
        height, width: of every image, pixels.
        threshold: grey from which a pixel is white, as a share of the whitest.
        white: share of the training images' pixels that are white.
    """

    height: int
    width: int
    threshold: float = 0.5
    white: float = 0.5

    @staticmethod
    def of(examples: Sequence[Seen], threshold: float = 0.5) -> "SeenEncoding":
        """The encoding of images that are all of the first one's size."""
        height, width = examples[0].image.pixels.shape[:2]
        bare = SeenEncoding(height, width, threshold)
        some = [examples[place] for place in range(min(SOME, len(examples)))]
        return bare._replace(white=round(float(bare.batch(some).images.float().mean()), 6))

    def batch(self, examples: Sequence[Seen]) -> SeenBatch:
        """Images as one batch."""
        return self.pictures([example.image for example in examples])

    def pictures(self, pictures: Sequence[Picture]) -> SeenBatch:
        """Images as one batch.

        Raises:
            DataError: an image is of another size.
        """
        greys = np.empty((len(pictures), self.height, self.width, 1), np.uint8)
        for row, picture in zip(greys, pictures, strict=True):
            pixels = picture.pixels
            if pixels.shape != row.shape:
                raise DataError(
                    f"{picture.name}: images are {self.height}×{self.width} pixels of grey here, "
                    f"and this one is {'×'.join(map(str, pixels.shape))}"
                )
            row[:] = pixels
        return SeenBatch(torch.from_numpy((greys[..., 0] >= 255 * self.threshold).view(np.uint8)))

    def length(self, example: Seen) -> int:
        """1: all images are alike."""
        return 1

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "SeenEncoding":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            sizes = (int(stored["height"]), int(stored["width"]))
            shares = (float(stored["threshold"]), float(stored["white"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError("no images' size, threshold and share of white") from None
        return SeenEncoding(*sizes, *shares)
