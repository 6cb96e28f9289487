"""MNIST, black and white: 70,000 handwritten digits of 28×28 pixels, read from their IDX files."""

import gzip
import struct
import zlib
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple, overload

import numpy as np
from jaxtyping import UInt8

from regard.data.download import fetch
from regard.data.picture import Picture
from regard.data.seen import Seen
from regard.data.splits import Splits
from regard.errors import DataError

VALID: Final = 10_000
"""The last images of the training file, which are kept to choose by."""

SIZE: Final = 28

MAGIC: Final = 2051
"""An IDX file of bytes (8) in 3 dimensions: 0, 0, 8, 3."""


class Digitised(Sequence[Seen]):
    """Images 0 or 255 of one file, as examples."""

    def __init__(self, name: str, images: UInt8[np.ndarray, "N 28 28"], first: int = 0) -> None:
        self.name, self.images, self.first = name, images, first

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> Seen: ...
    @overload
    def __getitem__(self, index: slice) -> "Digitised": ...

    def __getitem__(self, index: int | slice) -> "Seen | Digitised":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise IndexError("images are taken one after the other")
            return Digitised(self.name, self.images[start:stop], self.first + start)
        place = range(len(self))[index]
        key = f"MNIST {self.name} image {self.first + place}"
        return Seen(Picture(key, key, partial(_pixels, self.images, place)))


class Parts(NamedTuple):
    """Images to learn from and to be judged on, 0 or 255 in each pixel."""

    train: UInt8[np.ndarray, "60000 28 28"]
    test: UInt8[np.ndarray, "10000 28 28"]


def mnist(limit: int | None = None) -> Splits[Seen]:
    """50,000 images to learn from, 10,000 to choose by, 10,000 to be judged on.

    Each pixel was drawn once: it is white with its grey as the probability, and stays so. The
    draws are the same on every machine. The 10,000 to choose by are the last of the training file.

    Args:
        limit: images to learn from at most, the first ones; None: all.

    Raises:
        DataError: the files cannot be downloaded or read.
        MissingExtra: pooch is not installed, and REGARD_DATA has no MNIST.

    Source:  LeCun, Bottou, Bengio, Haffner 1998; drawn so by Salakhutdinov and Murray 2008
    Departs: their draws, which the literature's numbers are of, were others

    Cost: 1 second, 55 MB; downloaded once, 12 MB.
    """
    train, test = _drawn()
    learned = Digitised("train", train)
    return Splits(learned[:-VALID][:limit], learned[len(train) - VALID :], Digitised("test", test))


def images(path: Path) -> UInt8[np.ndarray, "N H W"]:
    """The greys of an IDX file of images, packed by gzip.

    Raises:
        DataError: it is no such file, or not a whole one.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole .gz file: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(content) < 16:
        raise DataError(f"{path}: {len(content)} bytes are no IDX file of images")
    magic, count, height, width = struct.unpack(">4I", content[:16])
    if magic != MAGIC:
        raise DataError(f"{path}: no IDX file of images: it begins with {magic}, not {MAGIC}")
    if len(content) - 16 != count * height * width:
        raise DataError(
            f"{path}: {count:,} images of {height}×{width} pixels are {count * height * width:,} "
            f"bytes, and there are {len(content) - 16:,}"
        )
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width)


def drawn(greys: UInt8[np.ndarray, "N H W"], seed: int) -> UInt8[np.ndarray, "N H W"]:
    """255 in a pixel with probability grey/255, else 0: the same for a seed on every machine.

    >>> drawn(np.array([[[0, 255]]], np.uint8), seed=0)
    array([[[  0, 255]]], dtype=uint8)
    """
    # Raw bits: of these alone NumPy promises that no release changes them.
    bits = np.random.PCG64(np.random.SeedSequence(seed))
    found = np.empty_like(greys)
    for image, grey in zip(found, greys, strict=True):
        raw = np.asarray(bits.random_raw(-(-grey.size // 4)), "<u8").view("<u2")[: grey.size]
        image[:] = np.where((raw % 255).reshape(grey.shape) < grey, 255, 0)
    return found


@cache
def _drawn() -> Parts:
    found = []
    for seed, path in enumerate(fetch("mnist")):
        greys = images(path)
        if greys.shape[1:] != (SIZE, SIZE):
            raise DataError(f"{path}: images of {greys.shape[1]}×{greys.shape[2]} are not MNIST's")
        found.append(drawn(greys, seed))
    return Parts(*found)


def _pixels(images: UInt8[np.ndarray, "N 28 28"], place: int) -> UInt8[np.ndarray, "28 28 1"]:
    return images[place][..., None]
