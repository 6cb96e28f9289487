"""Where the digits of made-up scenes stand: numbers drawn by chance until all rules are kept."""

import hashlib
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt64

from regard.data.digits import Digits

CANVAS: Final = 64
"""Pixels of a side of a scene."""

MOST: Final = 4
"""Digits of a scene at most; the fewest are 2."""

FIFTHS: Final = (2, 3, 3, 4, 4)
"""How many digits a scene has: each of these with one chance in five."""

SIZES: Final = ((12, 15), (22, 28))
"""Pixels of a side of a small and of a large digit, both ends included."""

ORDER: Final = 5
"""Pixels by which the centre of a digit lies right of that of the one before it, at least."""

DIRECTION: Final = 6
"""Pixels by which the way from a centre to the next is longer in one direction than in the other,
at least."""

OVERLAP: Final = 5
"""A part in so many of the smaller box is all that two digits may share."""

AT_ONCE: Final = 2048
"""Attempts that are made at once at least, so that few scenes cost little."""

# What a number is drawn for: its place in the counter.
_COUNT, _LARGE, _LABEL, _IMAGE, _SIDE, _TOP, _LEFT = (MOST * i for i in range(7))


class Drawn(NamedTuple):
    """Scenes as numbers ``(N, 4)``, from left to right; behind the last digit of a scene, ``side``
    is 0.

    ``label`` is 0 … 9, ``image`` the number of the image in its part of the digits, the others are
    pixels.
    """

    label: Int[np.ndarray, "N 4"]
    image: Int[np.ndarray, "N 4"]
    side: Int[np.ndarray, "N 4"]
    top: Int[np.ndarray, "N 4"]
    left: Int[np.ndarray, "N 4"]


def draw(digits: Digits, part: str, seed: int, count: int) -> Drawn:
    """The first ``count`` scenes of a part.

    How many digits a scene has, whether each is small or large, which of the ten it is, and which
    image of it, are drawn once; sides and places are drawn again until the scene keeps the rules.
    A scene hangs on seed, part and its own number alone, and is the same on every machine.

    Cost: 25 µs a scene.
    """
    index = np.arange(count)
    key = int.from_bytes(hashlib.blake2b(f"{seed} {part}".encode(), digest_size=8).digest(), "big")
    present = _present(key, index)
    large = _below(2, key, index, 0, _LARGE)
    label, image = _images(digits, key, index)
    least, most = np.moveaxis(np.take(SIZES, large, axis=0), -1, 0)
    side, top, left = (np.zeros((count, MOST), np.int64) for _ in range(3))
    waiting, attempt = index, 0
    while len(waiting):
        # The fewer wait, the more attempts at each are made at once; the first that will do counts.
        ahead = max(1, AT_ONCE // len(waiting))
        i, t = np.repeat(waiting, ahead), np.tile(np.arange(attempt, attempt + ahead), len(waiting))
        sides = least[i] + _below((most - least + 1)[i], key, i, t, _SIDE)
        sides = np.where(present[i], sides, 0)
        room = CANVAS - sides + 1
        tops, lefts = _below(room, key, i, t, _TOP), _below(room, key, i, t, _LEFT)
        kept = _keeps_rules(sides, tops, lefts).reshape(-1, ahead)
        done = kept.any(1)
        first = (np.arange(len(waiting)) * ahead + kept.argmax(1))[done]
        for field, drawn in ((side, sides), (top, tops), (left, lefts)):
            field[waiting[done]] = drawn[first]
        waiting, attempt = waiting[~done], attempt + ahead
    order = np.argsort(np.where(present, 2 * left + side, 4 * CANVAS), axis=1, kind="stable")
    fields = (label, image, side, top, left)
    return Drawn(*(np.take_along_axis(field, order, 1).astype(np.int16) for field in fields))


def _present(key: int, index: Int[np.ndarray, " N"]) -> Bool[np.ndarray, "N 4"]:
    """Which of the four places have a digit."""
    fifth = _below(len(FIFTHS), key, index, 0, _COUNT)[:, :1]
    return np.arange(MOST) < np.take(FIFTHS, fifth)


def _images(digits: Digits, key: int, index: Int[np.ndarray, " N"]) -> tuple[np.ndarray, ...]:
    """Labels, all ten being equally likely, and an image of each, all of a label being so."""
    label = _below(10, key, index, 0, _LABEL)
    sizes = np.bincount(digits.labels, minlength=10)
    order = np.argsort(digits.labels, kind="stable")
    first = np.cumsum(sizes) - sizes
    return label, order[first[label] + _below(sizes[label], key, index, 0, _IMAGE)]


def _keeps_rules(
    side: Int[np.ndarray, "N 4"], top: Int[np.ndarray, "N 4"], left: Int[np.ndarray, "N 4"]
) -> Bool[np.ndarray, " N"]:
    """Which scenes have no two digits that share too much or whose order or way is unclear."""
    kept = np.ones(len(side), np.bool_)
    bottom, right = top + side, left + side
    for a in range(MOST):
        for b in range(a):
            rows = np.minimum(bottom[:, a], bottom[:, b]) - np.maximum(top[:, a], top[:, b])
            columns = np.minimum(right[:, a], right[:, b]) - np.maximum(left[:, a], left[:, b])
            shared = np.maximum(rows, 0) * np.maximum(columns, 0)
            kept &= OVERLAP * shared <= np.minimum(side[:, a], side[:, b]) ** 2
    # Centres in half pixels, so that they are whole numbers.
    x = np.where(side > 0, left + right, 4 * CANVAS)
    order = np.argsort(x, axis=1, kind="stable")
    x = np.take_along_axis(x, order, 1)
    y = np.take_along_axis(top + bottom, order, 1)
    across, down = np.diff(x, axis=1), np.abs(np.diff(y, axis=1))
    clear = (across >= 2 * ORDER) & (np.abs(across - down) >= 2 * DIRECTION)
    return kept & (clear | (x[:, 1:] == 4 * CANVAS)).all(1)


def _below(
    bound: int | Int[np.ndarray, "N 4"],
    key: int,
    index: Int[np.ndarray, " N"],
    attempt: int | Int[np.ndarray, " N"],
    purpose: int,
) -> Int[np.ndarray, "N 4"]:
    """Whole numbers from 0 to below ``bound``, all but equally likely: four for each scene."""
    scene = (index << 28) + (attempt << 8) + purpose
    counter = scene[:, None] + np.arange(MOST)
    return ((_mixed(counter.astype(np.uint64), key) >> 32).astype(np.int64) * bound) >> 32


def _mixed(counter: UInt64[np.ndarray, "N 4"], key: int) -> UInt64[np.ndarray, "N 4"]:
    """Numbers of 64 bits that look drawn by chance: SplitMix64 (Steele, Lea and Flood 2014), whose
    state is a counter, so that any of its numbers can be had without those before it."""
    state = counter * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
