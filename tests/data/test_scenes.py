"""Scenes of digits: an independent reading of docs/data/scenes.md, and the parts."""

import pickle
import re
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from regard.data import scenes_drawn
from regard.data.captioned import CaptionsConfig
from regard.data.digits import digits
from regard.data.scenes import TEST, TRAIN, VALID, Scenes, scaled, scenes

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
KEY = re.compile(r"(\d+):(\d+)@(\d+),(\d+)")


@pytest.fixture(scope="module")
def parts():
    return scenes(CaptionsConfig(train=4_000))


@pytest.fixture(scope="module")
def all_scenes(parts):
    """Of every scene: part, example, and digits as (label, image, side, top, left)."""
    found = []
    for name, part in zip(("train", "valid", "test"), parts.parts, strict=True):
        labels = getattr(digits(), name).labels
        for example in part:
            numbers = [tuple(map(int, match)) for match in KEY.findall(example.image.key)]
            found.append((name, example, [(int(labels[n[0]]), *n) for n in numbers]))
    return found


def test_sizes_of_the_parts(parts):
    assert [len(part) for part in parts.parts] == [4_000, VALID, TEST] == [4_000, 500, 1_000]
    assert TRAIN == 20_000
    assert len({example.image.key for part in parts.parts for example in part}) == 5_500


def test_no_two_digits_share_more_than_a_fifth(all_scenes):
    """By counting pixels."""
    most = 0.0
    for _, _, placed in all_scenes:
        masks = []
        for _, _, side, top, left in placed:
            mask = np.zeros((64, 64), np.bool_)
            mask[top : top + side, left : left + side] = True
            assert mask.sum() == side**2  # all of it is on the canvas
            masks.append(mask)
        for one, other in combinations(masks, 2):
            most = max(most, (one & other).sum() / min(one.sum(), other.sum()))
    assert 0.15 < most <= 0.2


def test_captions(all_scenes):
    """By a plain reading of the page."""
    for _, example, placed in all_scenes:
        assert 2 <= len(placed) <= 4
        middle = [(left + side / 2, top + side / 2) for _, _, side, top, left in placed]
        said = ""
        for i, (label, _, side, _, _) in enumerate(placed):
            assert 12 <= side <= 15 or 22 <= side <= 28
            if i:
                across, down = (middle[i][axis] - middle[i - 1][axis] for axis in (0, 1))
                assert across >= 5
                assert abs(across - abs(down)) >= 6
                way = "left of" if across > abs(down) else "above" if down > 0 else "below"
                said += f" {way} "
            said += f"a {'small' if side < 20 else 'large'} {NAMES[label]}"
        assert example.caption == said


def test_boxes_of_words(all_scenes):
    for _, example, placed in all_scenes:
        words = example.caption.split()
        assert len(words) == len(example.boxes)
        told = [(w, box) for w, box in zip(words, example.boxes, strict=True) if box]
        silent = {w for w, box in zip(words, example.boxes, strict=True) if not box}
        assert silent <= {"a", "above", "below", "left", "of"}
        assert len(told) == 2 * len(placed)
        for i, (label, _, side, top, left) in enumerate(placed):
            assert [word for word, _ in told[2 * i : 2 * i + 2]] == [
                "small" if side < 20 else "large",
                NAMES[label],
            ]
            for _, box in told[2 * i : 2 * i + 2]:
                assert box == (top, left, top + side, left + side)
                assert box.holds(top + side // 2, left + side // 2)


def test_pixels(all_scenes):
    """Scaled with Pillow's rival, torch, and put together pixel by pixel."""
    import torch

    for name, example, placed in all_scenes[::97]:
        images = getattr(digits(), name).images
        expected = np.zeros((64, 64))
        for _, image, side, top, left in placed:
            small = torch.from_numpy(images[image])[None, None].double()
            large = torch.nn.functional.interpolate(small, (side, side), mode="bilinear")[0, 0]
            for y, x in np.ndindex(side, side):
                expected[top + y, left + x] = max(expected[top + y, left + x], float(large[y, x]))
        pixels = example.image.pixels
        assert (pixels.dtype, pixels.shape) == (np.uint8, (64, 64, 1))
        assert np.abs(pixels[..., 0] - expected).max() <= 0.501


def test_no_digit_is_in_two_parts(all_scenes):
    seen = {"train": set(), "valid": set(), "test": set()}
    for name, _, placed in all_scenes:
        images = getattr(digits(), name).images
        seen[name] |= {images[image].tobytes() for _, image, _, _, _ in placed}
    assert all(not one & other for one, other in combinations(seen.values(), 2))
    assert len(seen["train"]) > 1_300
    assert len(seen["test"]) > 290


def test_everything_is_balanced(all_scenes):
    placed = [digit for _, _, scene in all_scenes for digit in scene]
    labels = Counter(digit[0] for digit in placed)
    assert max(labels.values()) < 1.1 * min(labels.values())
    small = sum(digit[2] < 20 for digit in placed) / len(placed)
    assert abs(small - 0.5) < 0.02
    counts = Counter(len(scene) for _, _, scene in all_scenes)
    assert np.allclose([counts[n] / len(all_scenes) for n in (2, 3, 4)], [0.2, 0.4, 0.4], atol=0.03)
    text = " ".join(example.caption for _, example, _ in all_scenes)
    ways = [text.count(way) for way in ("left of", "above", "below")]
    assert min(ways) > 0.25 * sum(ways)


def test_a_scene_hangs_on_its_number_alone(parts):
    again = scenes(CaptionsConfig(train=50))
    assert list(again.train) == list(parts.train[:50])
    assert list(again.test) == list(parts.test)
    backwards = [parts.train[i] for i in range(49, -1, -1)]
    assert backwards[::-1] == list(again.train)
    other = scenes(CaptionsConfig(train=50, seed=1))
    assert not {e.image.key for e in other.train} & {e.image.key for e in again.train}
    scaled.cache_clear()
    some = parts.test.take(np.array([7, 3]))
    assert [example.image.name for example in some] == ["test scene 7", "test scene 3"]
    one, other = parts.test[3], pickle.loads(pickle.dumps(some))[1]
    assert one == other
    assert (one.image.pixels == other.image.pixels).all()
    assert parts.test[-1] == parts.test[999]
    with pytest.raises(IndexError):
        parts.test[1_000]


def test_the_same_on_every_machine(parts):
    example = parts.test[0]
    assert example.caption == (
        "a small three above a small four above a small four below a large nine"
    )
    assert example.image.key == "test 60:12@1,8 69:12@33,15 175:12@49,24 51:23@14,36"
    assert sum(int(example.image.pixels.sum()) for example in parts.test[:100]) == 8_976_102


def test_numbers_drawn_are_spread():
    found = scenes_drawn._below(7, 12345, np.arange(70_000), 3, 8)
    for column in found.T:
        assert np.abs(np.bincount(column, minlength=7) - 10_000).max() < 400
    correlation = np.corrcoef(found.T)
    assert np.abs(correlation - np.eye(4)).max() < 0.02


def test_scenes_of_other_counts_agree():
    long = Scenes.of("valid", 3, 40)
    assert all(Scenes.of("valid", 3, n)[n - 1] == long[n - 1] for n in (1, 2, 39))
