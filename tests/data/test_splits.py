"""The split by text: nothing in two parts, exact shares, whatever the order of the rows."""

import hashlib
from operator import itemgetter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.rows import Rows
from regard.data.splits import Splits, fingerprint, hashes, limited, split, take, without
from regard.errors import DataError, RangeError

ROWS = st.lists(
    st.tuples(st.text("abc", max_size=2), st.text("xyz", max_size=2)), min_size=3, max_size=60
).filter(lambda rows: len({key for key, _ in rows}) >= 3)
key = itemgetter(0)


@given(ROWS, st.integers(0, 3), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_a_partition_by_text(rows, seed, valid, test):
    parts = split(rows, key, valid, test, seed).parts
    assert sorted(row for part in parts for row in part) == sorted(rows)
    keys = [set(map(key, part)) for part in parts]
    total = sum(map(len, keys))
    assert total == len(set(map(key, rows)))
    # the shares of the texts, and one text at least in each part
    assert len(keys[2]) == min(max(1, round(test * total)), total - 2)
    assert len(keys[1]) == min(max(1, round(valid * total)), total - len(keys[2]) - 1)
    assert keys[0]
    shuffled = Random(1).sample(rows, len(rows))
    again = split(shuffled, key, valid, test, seed).parts
    assert list(map(sorted, again)) == list(map(sorted, parts))
    assert all(_in_order_of(shuffled, part) for part in again)


def _in_order_of(rows, part) -> bool:
    left = iter(rows)
    return all(row in left for row in part)  # "in" goes on from where it stopped


def test_seeds_draw_different_parts_and_no_text_is_favoured():
    rows = [(str(i),) for i in range(100)]
    tests = [split(rows, key, 0.1, 0.2, seed).test for seed in range(200)]
    assert len(set(map(tuple, tests))) == 200
    counts = np.bincount([int(row[0]) for test in tests for row in test])
    assert counts.sum() == 20 * 200
    assert 15 < counts.min() < counts.max() < 70  # of 200 draws, 40 expected, deviation 5.7


def test_parts_that_are_files_of_their_own():
    rows = [("a",), ("b",), ("b",), ("c",)]
    whole = split(rows, key, None, None, 0)
    assert (whole.train, whole.valid, whole.test) == (rows, [], [])
    two = split(rows, key, None, 0.4, 0)
    assert not two.valid
    assert sorted([*two.train, *two.test]) == rows


def test_rows_on_disk_stay_there(tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text("".join(f"{i % 40}\n" for i in range(100)), encoding="utf-8")
    rows = Rows(str(path), lambda line, number: (line,))
    parts = split(rows, key, 0.1, 0.1, 0)
    assert all(isinstance(part, Rows) for part in parts.parts)
    in_memory = split(list(rows), key, 0.1, 0.1, 0)
    assert [list(part) for part in parts.parts] == list(in_memory.parts)
    assert fingerprint(parts) == fingerprint(in_memory)


@given(ROWS, st.integers(0, 70), st.integers(0, 70))
def test_limits_are_nested_and_keep_the_order(rows, few, many):
    rows = [(*row, str(i)) for i, row in enumerate(rows)]
    few, many = sorted((few, many))
    short, long = (limited(rows, key, limit, 3) for limit in (few, many))
    assert (len(short), len(long)) == (min(few, len(rows)), min(many, len(rows)))
    assert set(short) <= set(long) <= set(rows)
    assert sorted(long, key=rows.index) == long
    assert limited(rows, key, None, 3) is rows


def test_a_limit_draws_from_all_and_keeps_the_order():
    rows = [(str(i),) for i in range(100)]
    drawn = [int(row[0]) for row in limited(rows, key, 30, 0)]
    assert drawn == sorted(drawn)
    assert min(drawn) < 20 < 80 < max(drawn)


def test_without_and_take():
    rows = [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")]
    assert without(rows, key, [[("c", "5")], [("a", "6"), ("d", "7")]]) == [("b", "2")]
    assert take(rows, np.array([3, 0, 0])) == [rows[3], rows[0], rows[0]]


def test_hashes_never_change():
    # What a run of last year held out must be told again: these numbers are for good.
    assert hashes(["", "a", "日"], 7).tolist() == [
        int.from_bytes(_blake2b(text, b"7"), "big") for text in (b"", b"a", "日".encode())
    ]
    assert hashes(["a"], 7).tolist() == [3550836462116063940]


def _blake2b(text: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8, key=key).digest()


def test_fingerprints_tell_parts_apart():
    pairs = [("a", "b"), ("c", "d"), ("e", "f")]
    splits = [
        Splits(pairs, [], []),
        Splits(pairs[:2], pairs[2:], []),
        Splits(pairs[:2], [], pairs[2:]),
        Splits(pairs[::-1], [], []),
        Splits(pairs, [], [], {"long": pairs}),
        Splits(pairs, [], [], {"long": []}),
    ]
    assert len(set(map(fingerprint, splits))) == len(splits)
    assert fingerprint(splits[0]) == fingerprint(splits[0]._replace(notes=("told",)))


def test_refuses():
    rows = [("a",), ("b",), ("a",)]
    with pytest.raises(
        DataError, match="2 different source texts cannot be split into training, v"
    ):
        split(rows, key, 0.1, 0.1, 0)
    with pytest.raises(DataError, match="1 different source texts cannot be split into two parts"):
        split(rows[::2], key, None, 0.1, 0)
    for valid, test in (
        (0.5, 0.6),
        (0.5, 0.5),
        (0, 0.1),
        (0.1, 1),
        (None, 1.5),
        (float("nan"), 0.1),
    ):
        with pytest.raises(RangeError, match=f"together below 1, and they are {valid} and {test}"):
            split(rows, key, valid, test, 0)
