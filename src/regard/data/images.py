"""Image files of the user's, as pixels of one form, whatever form they come in."""

import hashlib
import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float, UInt8

from regard.data.picture import Picture
from regard.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image

SMALLEST: Final = 8
"""Pixels of a side at least: what is smaller shows nothing."""

LARGEST: Final = 50_000_000
"""Pixels at most: decoded, they take 200 MB; larger images are told by their headers."""

FORMATS: Final = (
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "QOI"),
    *("SGI", "TGA", "TIFF", "WEBP"),
)
"""Formats that are read. Pillow knows more: EPS, whose files are programs, which it runs, and some
that may have any other format within them."""

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")
"""How the names of images mostly end; others are read too."""


def read(path: Path, *, size: int | None, color: bool) -> UInt8[np.ndarray, "H W C"]:
    """The pixels of an image file, 0 … 255, of 3 channels (red, green, blue) or 1 (grey).

    The image is turned as its EXIF data say. What is transparent lies on white. Grey of 16 bits is
    scaled; whole numbers beyond them, and fractions, are so from the lowest to the highest. Of
    several images in a file the first is taken. Profiles of colour are of no account.

    Args:
        path: of JPEG, PNG or any other format of images that Pillow reads.
        size: H and W: the shorter side is scaled to it, and of the longer the middle is kept. None:
            the image as it is.
        color: whether C is 3 or 1.

    Raises:
        DataError: the file is missing, empty, broken, no image, or one of less than 8 pixels to a
            side or more than 50 million in all. The message begins with ``path``.
        MissingExtra: Pillow is not installed.

    Source: K. Xu et al. 2015, Show, Attend and Tell (section 4.3: "the shortest side … center
    cropped").

    Cost: of a JPEG, as many of its pixels are decoded as twice ``size`` needs.
    """
    with _told(str(path)):
        _check_file(path)
        return _decoded(path, size, color=color)


def decode(data: bytes, *, size: int | None, color: bool) -> UInt8[np.ndarray, "H W C"]:
    """As ``read``, of the bytes of an image that somebody sent: no file is opened.

    Raises:
        DataError, MissingExtra: as ``read``; the message names no file.
    """
    if not data:
        raise DataError("the image: empty (0 bytes)")
    with _told("the image"):
        return _decoded(io.BytesIO(data), size, color=color)


def picture(text: str, *, size: int, color: bool) -> Picture:
    """The image of a file, read at once.

    Raises:
        DataError: as ``read``; or no file is named.
    """
    if not text.strip():
        raise DataError("no name: expected that of an image")
    pixels = read(Path(text), size=size, color=color)
    return Picture(text, key(pixels), lambda: pixels)


def sent(data: bytes, *, size: int, color: bool) -> Picture:
    """The image that somebody sent, read at once.

    Raises:
        DataError: as ``decode``.
    """
    pixels = decode(data, size=size, color=color)
    return Picture("the image", key(pixels), lambda: pixels)


def key(pixels: UInt8[np.ndarray, "H W C"]) -> str:
    """The SHA-256 of an image: other pixels have another."""
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What goes wrong within is told as a ``DataError`` of this image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("images are read by Pillow: pip install 'regard[image]'") from error
    try:
        # Pillow warns of odd files, which are read all the same, and of large ones.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Image.UnidentifiedImageError:
        raise DataError(
            f"{name}: no image, or of a format that Pillow does not read: expected JPEG, PNG or "
            "the like"
        ) from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: {_too_large('far more')}") from None
    except Exception as error:  # broken files make Pillow raise nearly anything
        if isinstance(error, OSError) and error.strerror:  # the system's, and not Pillow's
            raise DataError(f"{name}: {error.strerror}") from None
        why = str(error) or type(error).__name__
        raise DataError(f"{name}: a broken image, or not all of one: {why}") from None


def _check_file(path: Path) -> None:
    try:
        state = path.stat()
    except FileNotFoundError:
        raise DataError("no such file") from None
    except (OSError, ValueError) as error:
        raise DataError(str(getattr(error, "strerror", None) or error)) from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "no regular file"
        raise DataError(f"{what}: expected an image")
    if not state.st_size:
        raise DataError("an empty file (0 bytes): expected an image")


def _decoded(
    source: Path | io.BytesIO, size: int | None, *, color: bool
) -> UInt8[np.ndarray, "H W C"]:
    from PIL import Image, ImageOps

    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]
    with Image.open(source, formats=known) as image:
        _check_size(image)
        if size is not None:
            # Of no effect but for JPEG, which can be decoded at a part of its size.
            image.draft("RGB" if color else "L", (2 * size, 2 * size))
        image.load()
        _check_size(image, smallest=1)  # some formats tell their size only now
        turned = image
        with suppress(Exception):  # a good image may have broken EXIF data
            turned = ImageOps.exif_transpose(image)
        plain = _scaled(_of_bytes(turned), size)
        if plain.mode == "RGBA":
            plain = Image.alpha_composite(Image.new("RGBA", plain.size, "white"), plain)
        pixels = np.array(plain.convert("RGB" if color else "L"))
    return pixels if color else pixels[..., None]


def _check_size(image: "Image", smallest: int = SMALLEST) -> None:
    width, height = image.size
    if min(width, height) < smallest:
        raise DataError(
            f"an image of {width:,} × {height:,} pixels: expected at least {smallest} to a side"
        )
    if width * height > LARGEST:
        raise DataError(_too_large(f"{width:,} × {height:,}"))


def _too_large(pixels: str) -> str:
    return f"an image of {pixels} pixels: expected {LARGEST:,} at most"


def _of_bytes(image: "Image") -> "Image":
    """The image with a byte a channel, and with a channel of its transparency if it has any."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        levels = np.asarray(image)
        return Image.fromarray((levels >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return Image.fromarray(_levels(np.asarray(image, np.float64), whole=image.mode == "I"))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _levels(numbers: Float[np.ndarray, "H W"], *, whole: bool) -> UInt8[np.ndarray, "H W"]:
    """Grey of numbers: 0 … 65,535 if they are whole and none is outside, else from the lowest."""
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite([low, high]).all():
        raise DataError("an image with pixels that are no numbers")
    if whole and low >= 0 and high <= 65_535:
        low, high = 0.0, 65_535.0
    return ((numbers - low) * (255 / ((high - low) or 1))).round().astype(np.uint8)


def _scaled(image: "Image", size: int | None) -> "Image":
    """The middle of the image, ``size`` pixels to a side."""
    from PIL import Image

    if size is None:
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # Cut and scaled in one: what is cut off from a long image would not fit into memory, scaled.
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)
