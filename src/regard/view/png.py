"""Pixels as a PNG, without an imaging library: what pages and drawings hold of an image."""

import base64
import struct
import zlib

import numpy as np
from jaxtyping import UInt8

from regard.errors import ShapeError

KINDS = {1: 0, 3: 2, 4: 6}
"""The PNG's number of a colour type, by channels: grey, RGB, and RGB with opacity."""


def png(pixels: UInt8[np.ndarray, "H W C"]) -> bytes:
    """The file of an image of 1 channel (grey), 3 (red, green, blue) or 4 (and opacity).

    The same pixels give the same bytes with the same zlib.

    Source: Portable Network Graphics, third edition (W3C), §5 and §11; no filter is used

    Raises:
        ShapeError: other channels, or no pixel.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in KINDS or not pixels.size:
        raise ShapeError(
            f"a PNG is made of pixels (H, W, C) of 1, 3 or 4 channels, not of {pixels.shape}"
        )
    high, wide, channels = pixels.shape
    rows = np.asarray(pixels, np.uint8).reshape(high, wide * channels)
    # Each row begins with the number of its filter.
    raw = np.hstack([np.zeros((high, 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", wide, high, 8, KINDS[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def data_uri(pixels: UInt8[np.ndarray, "H W C"]) -> str:
    """The file as an address that holds it: it needs no file beside the page, and no network."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
