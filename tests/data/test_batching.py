"""Batches: everything once an epoch, the same order for a seed, rows of like length together."""

import torch

from regard.data.batching import Encoding, LengthBatches
from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary

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


def test_a_batch_has_begin_end_padding_and_a_token_for_an_empty_text():
    encoding = Encoding(Vocabulary.of(["ab"], "characters"), Vocabulary.of(["xy"], "characters"))
    batch = encoding.batch([Pair("ab", "x"), Pair("", "xy")])
    assert batch.source.tolist() == [[4, 5], [UNKNOWN, PAD]]
    assert batch.source_lengths.tolist() == [2, 1]
    assert batch.target.tolist() == [[BEGIN, 4, END, PAD], [BEGIN, 4, 5, END]]
    assert torch.equal(batch.target_lengths, torch.tensor([3, 4]))
