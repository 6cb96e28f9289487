"""The split: no source in two parts, the same for a seed, whatever the order of the file."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data.pairs import Pair
from regard.data.sources import PairsConfig, fingerprint, load, split
from regard.errors import DataError, RangeError

PAIRS = st.lists(
    st.builds(Pair, st.text("abc", max_size=2), st.text("xyz", max_size=2)), min_size=3, max_size=60
).filter(lambda pairs: len({pair.source for pair in pairs}) >= 3)


@given(PAIRS, st.integers(0, 3), st.floats(0.01, 0.45), st.floats(0.01, 0.45))
def test_split_is_a_partition_by_source(pairs, seed, valid, test):
    parts = split(pairs, valid, test, seed)
    assert sorted(pair for part in parts for pair in part) == sorted(pairs)
    sources = [{pair.source for pair in part} for part in parts]
    assert all(sources)
    assert sum(map(len, sources)) == len(set().union(*sources))
    shuffled = Random(1).sample(pairs, len(pairs))
    assert [sorted(part) for part in split(shuffled, valid, test, seed)] == [
        sorted(part) for part in parts
    ]


def test_limit_shortens_the_training_part_alone(tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{i}\t{i}\n" for i in range(50)), encoding="utf-8")
    whole, short = (load(str(file), PairsConfig(limit=limit)) for limit in (None, 7))
    assert (len(whole.train), len(short.train)) == (40, 7)
    assert short[1:] == whole[1:]
    assert fingerprint(whole) == fingerprint(load(str(file), PairsConfig()))
    assert fingerprint(whole) != fingerprint(short)


def test_refuses(tmp_path):
    with pytest.raises(DataError, match="no such file, and no built-in data .*dates"):
        load(str(tmp_path / "datse"), PairsConfig())
    with pytest.raises(DataError, match="2 different source texts cannot be split"):
        split([Pair("a", "b"), Pair("b", "c"), Pair("a", "d")], 0.1, 0.1, 0)
    with pytest.raises(RangeError, match=r"together below 1, and they are 0\.5 and 0\.6"):
        split([Pair("a", "b")] * 9, 0.5, 0.6, 0)
    with pytest.raises(RangeError, match="data.limit is at least 1, or null: 0"):
        load("dates", PairsConfig(limit=0))
