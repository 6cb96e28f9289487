"""Decoded images of one size, in a file of their own, so that they are decoded once."""

import os
import tempfile
import threading
import weakref
from typing import Final

import numpy as np
from jaxtyping import UInt8

from regard.errors import DataError


class Pixels:
    """Images of one shape in a temporary file that has no name and goes away with the object.

    Threads and forked processes may read at the same time. It cannot be pickled.

    >>> store = Pixels((1, 2, 1))
    >>> store.add(np.array([[[3], [4]]], np.uint8)), store.add(np.zeros((1, 2, 1), np.uint8))
    (0, 1)
    >>> store.read(0).ravel()
    array([3, 4], dtype=uint8)

    Args:
        shape: H, W and C of each.

    Raises:
        DataError: there is no room for them.

    Cost: H·W·C bytes of disk an image; no memory.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape: Final = shape
        self._bytes, self._count = int(np.prod(shape)), 0
        self._lock = threading.Lock()
        try:
            self._file = tempfile.TemporaryFile(prefix="regard-", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _no_room(error) from None
        weakref.finalize(self, self._file.close)

    def add(self, pixels: UInt8[np.ndarray, "H W C"]) -> int:
        """Store an image; its number, counted from 0."""
        raw = memoryview(pixels.tobytes())
        try:
            self._file.seek(self._count * self._bytes)
            while len(raw):
                raw = raw[self._file.write(raw) :]
        except OSError as error:
            raise _no_room(error) from None
        self._count += 1
        return self._count - 1

    def read(self, number: int) -> UInt8[np.ndarray, "H W C"]:
        """The image of that number; not to be written to."""
        start = number * self._bytes
        # pread leaves the file's position alone, which threads and forked processes share
        if hasattr(os, "pread"):
            raw = os.pread(self._file.fileno(), self._bytes, start)
        else:
            with self._lock:
                self._file.seek(start)
                raw = self._file.read(self._bytes)
        return np.frombuffer(raw, np.uint8).reshape(self.shape)


def _no_room(error: OSError) -> DataError:
    return DataError(
        f"decoded images cannot be stored in {tempfile.gettempdir()}: {error.strerror or error}"
    )
