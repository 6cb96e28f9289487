"""Image files: every form gives pixels of one form, and what is no image is named."""

import io
import os
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from regard.data import images
from regard.data.images import read
from regard.errors import DataError, MissingExtra

RED = (200, 30, 10)
GREY = round(0.299 * 200 + 0.587 * 30 + 0.114 * 10)


def saved(folder, image, name="a.png", **options):
    path = folder / name
    image.save(path, **options)
    return path


def refusal(path, **options):
    with pytest.raises(DataError) as caught:
        read(path, **({"size": 16, "color": True} | options))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_bytes_give_what_their_file_gives_and_name_none(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (40, 30), RED), "a.jpg")
    for size, color in ((None, True), (16, False)):
        found = images.decode(path.read_bytes(), size=size, color=color)
        np.testing.assert_array_equal(found, read(path, size=size, color=color))
    one = images.sent(path.read_bytes(), size=16, color=True)
    assert (one.name, one.pixels.shape) == ("the image", (16, 16, 3))
    whole = path.read_bytes()
    for data, why in ((b"", "empty"), (b"text", "no image"), (whole[:300], "a broken image")):
        with pytest.raises(DataError, match=f"^the image: {why}"):
            images.decode(data, size=16, color=True)


def png(width, height, *, bits=8, kind=0, data=b""):
    """A PNG file of that size, whose pixels may be missing."""

    def chunk(name, content):
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_formats(tmp_path, form):
    path = saved(tmp_path, Image.new("RGB", (40, 30), RED), f"a.{form}", format=form)
    for size, shape in ((None, (30, 40)), (16, (16, 16)), (64, (64, 64))):
        found = read(path, size=size, color=True)
        assert (found.dtype, found.shape) == (np.uint8, (*shape, 3))
        assert np.abs(found.astype(int) - RED).max() <= 4
        grey = read(path, size=size, color=False)
        assert grey.shape == (*shape, 1)
        assert np.abs(grey.astype(int) - GREY).max() <= 4


@pytest.mark.parametrize("size", [None, 10])
@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (77, 0), (255, 255, 255)),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("I;16", 77 * 257, (77, 77, 77)),
        ("I;16", 65_535, (255, 255, 255)),
        ("I", 40_000, (156, 156, 156)),
        ("YCbCr", (77, 128, 128), (77, 77, 77)),
    ],
)
def test_modes(tmp_path, mode, value, expected, size):
    form = "TIFF" if mode in ("CMYK", "I", "YCbCr") else "PNG"
    path = saved(tmp_path, Image.new(mode, (20, 12), value), f"a.{form}", format=form)
    with Image.open(path) as stored:
        assert stored.mode == mode
    found = read(path, size=size, color=True)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_palette_with_one_transparent_color(tmp_path):
    image = Image.new("P", (10, 10), 1)
    image.putpalette([0, 0, 0, *RED])
    image.paste(0, (0, 0, 10, 5))
    for form in ("PNG", "GIF"):
        path = saved(tmp_path, image, f"a.{form}", format=form)
        assert (read(path, size=None, color=True)[:5] == 0).all()
        path = saved(tmp_path, image, f"a.{form}", format=form, transparency=0)
        found = read(path, size=None, color=True)
        assert (found[:5] == 255).all()
        assert (found[5:] == RED).all()


def test_numbers_beyond_16_bits(tmp_path):
    for kind, mode in ((np.int32, "I"), (np.float32, "F")):
        levels = np.linspace(-1e6, 1e6, 100).reshape(10, 10).astype(kind)
        found = read(
            saved(tmp_path, Image.fromarray(levels, mode), "a.tif"), size=None, color=False
        )
        assert np.abs(found.ravel() - np.linspace(0, 255, 100)).max() <= 0.6
    levels[0, 0] = np.nan
    path = saved(tmp_path, Image.fromarray(levels), "a.tif")
    assert refusal(path) == "an image with pixels that are no numbers"


def test_a_jpeg_of_cmyk(tmp_path):
    path = saved(tmp_path, Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "a.jpg")
    assert np.abs(read(path, size=10, color=True).astype(int) - (255, 0, 0)).max() <= 4


def corners(pixels):
    return [int(pixels[y, x, 0]) for y in (0, -1) for x in (0, -1)]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [10, 80, 160, 240]),
        (2, [80, 10, 240, 160]),
        (3, [240, 160, 80, 10]),
        (6, [160, 10, 240, 80]),
        (8, [80, 240, 10, 160]),
    ],
)
def test_orientation(tmp_path, orientation, expected):
    levels = np.kron([[10, 80], [160, 240]], np.ones((20, 30))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(levels), "a.jpg", exif=exif, quality=95)
    found = read(path, size=None, color=False)
    assert found.shape == ((40, 60, 1) if orientation < 5 else (60, 40, 1))
    assert np.abs(np.subtract(corners(found), expected)).max() <= 3
    small = read(path, size=8, color=False)
    assert np.abs(np.subtract(corners(small), expected)).max() <= 12


def test_broken_exif_is_no_broken_image(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 9
    path = saved(tmp_path, Image.new("L", (20, 20), 50), "a.jpg", exif=exif)
    assert read(path, size=10, color=False).shape == (10, 10, 1)


@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_is_kept(tmp_path, turned):
    """Left, middle and right of 60 × 20 pixels; the middle is a ramp that scaling keeps."""
    ramp = np.tile(np.arange(20) * 10, (20, 1))
    levels = np.hstack([np.full((20, 20), 255), ramp, np.full((20, 20), 255)]).astype(np.uint8)
    path = saved(tmp_path, Image.fromarray(levels.T if turned else levels))
    found = read(path, size=20, color=False)[..., 0]
    assert (found == (ramp.T if turned else ramp)).all()
    half = read(path, size=10, color=False)[..., 0].astype(int)
    half = half.T if turned else half
    assert np.abs(half[:, 1:-1] - (np.arange(10) * 20 + 5)[1:-1]).max() <= 1


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(tmp_path):
    levels = np.add.outer(np.arange(1200), np.arange(1600)) * (255 / 2800)
    path = saved(tmp_path, Image.fromarray(levels.astype(np.uint8)).convert("RGB"), "a.jpg")
    lossless = saved(tmp_path, Image.fromarray(levels.astype(np.uint8)).convert("RGB"), "a.png")
    for color in (True, False):
        one = read(path, size=50, color=color).astype(int)
        assert np.abs(one - read(lossless, size=50, color=color)).max() <= 2


def test_a_long_image_fits_into_memory_at_any_size(tmp_path):
    path = saved(tmp_path, Image.new("1", (8, 1_000_000), 1))
    assert read(path, size=1024, color=True).shape == (1024, 1024, 3)


def test_too_small_and_too_large(tmp_path):
    path = tmp_path / "a.png"
    for width, height in ((1, 1), (1, 100), (100, 7)):
        Image.new("L", (width, height)).save(path)
        assert refusal(path) == (
            f"an image of {width} × {height} pixels: expected at least 8 to a side"
        )
    path.write_bytes(png(10_000, 10_000))  # 100 megapixels in 70 bytes
    assert refusal(path) == "an image of 10,000 × 10,000 pixels: expected 50,000,000 at most"
    path.write_bytes(png(10_000, 5_001))
    assert refusal(path).endswith("10,000 × 5,001 pixels: expected 50,000,000 at most")
    path.write_bytes(png(60_000, 60_000))
    assert refusal(path) == "an image of far more pixels: expected 50,000,000 at most"


def within_iptc(content):
    """A file of IPTC that holds an image of any format, which Pillow would open."""
    fields = {
        (3, 20): b"\0\0\0\x64",
        (3, 30): b"\0\0\0\x64",
        (3, 60): b"\x01\x00",
        (3, 120): b"\x01",
    }
    heads = b"".join(
        b"\x1c" + bytes(tag) + len(data).to_bytes(2, "big") + data for tag, data in fields.items()
    )
    return heads + b"\x1c\x08\x0a" + len(content).to_bytes(2, "big") + content


def test_what_is_no_image(tmp_path):
    path = tmp_path / "a.jpg"
    assert refusal(path) == "no such file"
    assert refusal(tmp_path) == "a folder: expected an image"
    path.write_bytes(b"")
    assert refusal(path) == "an empty file (0 bytes): expected an image"
    path.write_text("these are words")
    assert refusal(path).startswith("no image, or of a format that Pillow does not read")
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n")
    assert refusal(path).startswith("no image, or of a format that Pillow does not read")
    path.write_bytes(within_iptc(path.read_bytes()))
    assert refusal(path).startswith("no image, or of a format that Pillow does not read")
    assert refusal(path / "b.jpg") == "Not a directory"
    assert "null" in refusal(tmp_path / "a\0.jpg")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert refusal(tmp_path / "pipe.jpg") == "no regular file: expected an image"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = saved(tmp_path, Image.new("L", (20, 20)))
    monkeypatch.setattr(Image, "open", denied)
    assert refusal(path) == "Permission denied"


def test_a_truncated_image(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    for name in ("a.jpg", "a.png", "a.webp", "a.bmp"):
        path = saved(tmp_path, Image.fromarray(noise), name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert refusal(path).startswith("a broken image, or not all of one: ")
    path.write_bytes(png(20, 20, data=bytes(100)))
    assert refusal(path).startswith("a broken image, or not all of one: ")


def whole_files():
    random.seed(0)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 15, 3), np.uint8))
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        file = io.BytesIO()
        noise.save(file, form)
        yield form, file.getvalue()


WHOLE = dict(whole_files())


@settings(max_examples=150)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_whatever_is_broken_gives_pixels_or_a_reason(tmp_path_factory, form, data):
    content = bytearray(WHOLE[form])
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "broken"
    path.write_bytes(content[: data.draw(places) if data.draw(st.booleans()) else None])
    try:
        assert read(path, size=8, color=True).shape == (8, 8, 3)
    except DataError as error:
        said = str(error)
    else:
        said = f"{path}: "
    assert said.startswith(f"{path}: ")


def test_keys_tell_pixels_and_shapes():
    zeros = np.zeros((2, 3, 1), np.uint8)
    assert images.key(zeros) == images.key(zeros.copy())
    others = [zeros + 1, zeros.reshape(3, 2, 1), zeros.reshape(2, 1, 3)]
    assert len({images.key(pixels) for pixels in [zeros, *others]}) == 4


def test_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match="regard\\[image\\]"):
        read(tmp_path / "a.png", size=8, color=True)
