"""PNGs made without an imaging library are what one reads back."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from regard.errors import ShapeError
from regard.view.png import data_uri, png

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def made(high, wide, channels):
    draw = np.random.default_rng([high, wide, channels])
    return draw.integers(0, 256, (high, wide, channels), np.uint8)


def read(file):
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        assert image.format == "PNG"
        return image.mode, np.asarray(image)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 33), st.integers(1, 33), st.sampled_from(list(MODES)))
def test_pillow_reads_the_pixels_back(high, wide, channels):
    pixels = made(high, wide, channels)
    mode, found = read(png(pixels))
    assert mode == MODES[channels]
    assert (found.reshape(pixels.shape) == pixels).all()


def test_neither_order_nor_place_in_memory_matters():
    pixels = made(6, 8, 3)
    for view in (pixels[::-1, ::2], pixels.transpose(1, 0, 2), np.asfortranarray(pixels)):
        assert not view.flags.c_contiguous
        assert (read(png(view))[1] == view).all()


def test_an_address_holds_the_same_file():
    pixels = made(5, 7, 4)
    head, _, code = data_uri(pixels).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(code, validate=True) == png(pixels) == png(pixels.copy())


@pytest.mark.parametrize(
    "shape", [(4, 4), (4, 4, 2), (4, 4, 5), (0, 4, 3), (4, 0, 1), (1, 4, 4, 3)]
)
def test_refuses(shape):
    with pytest.raises(ShapeError, match="made of pixels .* 1, 3 or 4 channels, not of"):
        png(np.zeros(shape, np.uint8))
