"""Placed digits: where they are said to be, the same each time, of other images in each part."""

import itertools

import numpy as np
import pytest

from regard.data import images
from regard.data.digits import digits
from regard.data.placed import DIGIT, PARTS, Placed, placed
from regard.data.splits import fingerprint
from regard.errors import RangeError


def test_the_parts():
    splits = placed()
    assert [len(part) for part in splits.parts] == [60_000, 1_000, 1_000]
    example = splits.test[7]
    assert example.image.pixels.shape == (32, 32, 1)
    assert set(np.unique(example.image.pixels)) == {0, 255}
    assert example == placed().test[7] != splits.test[8]


def test_a_digit_is_where_its_box_is():
    halves = []
    for part, whole in zip(PARTS, digits(), strict=True):
        for example in Placed(part, 40, size=20, seed=3):
            pixels = example.image.pixels[..., 0].copy()
            ((top, left, bottom, right),) = example.boxes
            assert bottom - top == right - left == DIGIT
            inside = pixels[top : top + DIGIT, left : left + DIGIT].copy()
            pixels[top : top + DIGIT, left : left + DIGIT] = 0
            assert not pixels.any()
            which = int(example.image.key.split()[2])
            # The mean of 2×2 pixels is near the grey of the one that they come from.
            small = inside.reshape(8, 2, 8, 2).mean((1, 3))
            halves.append(np.abs(small - whole.images[which]).mean())
    assert np.mean(halves) < 32


def test_places_and_digits_are_drawn_evenly():
    part = Placed("train", 20_000)
    which, tops, lefts = part.drawn.T
    assert len(set(which.tolist())) == 1347
    for places in (tops, lefts):
        assert np.bincount(places, minlength=17).min() > 1000
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 0.03


def test_more_begin_as_fewer_do():
    few, many = Placed("train", 5, seed=1), Placed("train", 50, seed=1)
    assert few[:] == many[:5]
    assert few[-1] == many[4]
    assert few[:] != Placed("train", 5, seed=2)[:]
    with pytest.raises(IndexError):
        few[5]


def test_keys_say_what_the_pixels_are():
    some = placed(train=300).train[:]
    pixels = {example.image.key: images.key(example.image.pixels) for example in some}
    assert len(set(pixels.values())) == len(pixels)
    assert fingerprint(placed(train=2)) == fingerprint(placed(train=2))
    assert fingerprint(placed(train=2)) != fingerprint(placed(train=2, seed=1))


def test_the_same_on_every_machine():
    assert placed().test[0].image.key == "test digit 291 at 9, 15 of 32×32"
    assert placed(seed=5).train[59_999].image.key == placed(seed=5).train[59_999].image.name


@pytest.mark.parametrize(
    ("options", "message"), [({"train": 0}, "data.train is at least 1"), ({"size": 15}, "16, the")]
)
def test_refuses(options, message):
    with pytest.raises(RangeError, match=message):
        placed(**options)


def test_parts_share_no_digit_but_one_that_black_and_white_make_equal():
    seen = [{image.tobytes() for image in part} for part in placed_digits()]
    shared = [len(one & other) for one, other in itertools.combinations(seen, 2)]
    assert shared == [0, 1, 0]
    raw = [{image.tobytes() for image in part.images} for part in digits()]
    assert not any(one & other for one, other in itertools.combinations(raw, 2))


def placed_digits():
    return [Placed(part, 1).digits for part in PARTS]
