"""Batches: everything once an epoch, the same order for a seed, rows of like length together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data.batching import Encoding, LengthBatches
from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary
from regard.errors import RangeError

LENGTHS = [i % 17 for i in range(1000)]


def test_every_example_once_in_an_order_of_the_epoch():
    batches = LengthBatches(LENGTHS, 30, seed=3)
    first, again = list(batches), list(LengthBatches(LENGTHS, 30, seed=3))
    assert first == again
    assert len(first) == len(batches) == 34
    assert sorted(i for batch in first for i in batch) == list(range(1000))
    batches.epoch = 1
    assert list(batches) != first


def test_like_lengths_together():
    spread = [
        max(r) - min(r) for r in ([LENGTHS[i] for i in b] for b in LengthBatches(LENGTHS, 30, 0))
    ]
    assert sum(spread) / len(spread) < 2


def test_skip_goes_on_in_the_midst_of_an_epoch_once():
    batches = LengthBatches(LENGTHS, 30, seed=3)
    whole = list(batches)
    batches.skip = 10
    assert list(batches) == whole[10:]
    assert list(batches) == whole


@given(
    lengths=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=3, max_size=80),
    size=st.integers(1, 12),
    tokens=st.none() | st.integers(1, 100),
    shards=st.integers(1, 3),
    epoch=st.integers(0, 3),
)
def test_batches_are_dealt_out_whole(lengths, size, tokens, shards, epoch):
    def of(shard, shards):
        batches = LengthBatches(lengths, size, 7, tokens=tokens, shards=shards, shard=shard)
        batches.epoch = epoch
        assert len(list(batches)) == len(batches)
        return list(batches)

    dealt = [of(shard, shards) for shard in range(shards)]
    assert len({len(batches) for batches in dealt}) == 1, "every process has as many batches"
    whole = [[i for part in parts for i in part] for parts in zip(*dealt, strict=True)]
    assert sorted(i for batch in whole for i in batch) == list(range(len(lengths)))
    assert all(part for parts in zip(*dealt, strict=True) for part in parts)
    for batch in whole:
        most = max(max(lengths[i]) for i in batch)
        # More than fits only where every process has to have a row, or a rest had to go somewhere.
        few = len(batch) < 2 * shards
        assert few or len(batch) <= size + shards - 1
        assert few or tokens is None or len(batch) * most <= tokens + (shards - 1) * most


def test_fewer_examples_than_processes_are_refused():
    with pytest.raises(RangeError, match="1 examples cannot be dealt out among 2 processes"):
        LengthBatches([3], 30, seed=3, shards=2)


def test_a_batch_has_begin_end_padding_and_a_token_for_an_empty_text():
    encoding = Encoding(Vocabulary.of(["ab"], "characters"), Vocabulary.of(["xy"], "characters"))
    batch = encoding.batch([Pair("ab", "x"), Pair("", "xy")])
    assert batch.source.tolist() == [[4, 5], [UNKNOWN, PAD]]
    assert batch.source_lengths.tolist() == [2, 1]
    assert batch.target.tolist() == [[BEGIN, 4, END, PAD], [BEGIN, 4, 5, END]]
    assert torch.equal(batch.target_lengths, torch.tensor([3, 4]))
