"""Streams: every word is foretold once, from those before it, whoever has which part."""

import numpy as np
import pytest
import torch

from regard.data.streams import InOrder, Streams, Stretch
from regard.data.vocabulary import END, PAD
from regard.errors import RangeError


@pytest.mark.parametrize(
    ("count", "streams", "stretch"), [(23, 4, 3), (24, 4, 3), (7, 100, 5), (1, 1, 9), (10, 1, 1)]
)
def test_every_word_once_behind_the_one_before(count, streams, stretch):
    numbers = np.arange(10, 10 + count)
    stretches = list(Streams(numbers, streams, stretch))
    words = torch.cat([one.words for one in stretches], 1)
    truth = torch.cat([_placed(one) for one in stretches], 1)
    flat = truth.flatten()
    assert flat[flat != PAD].tolist() == numbers.tolist()
    pairs = {y: x for x, y in zip(words.flatten().tolist(), flat.tolist(), strict=True) if y}
    assert pairs == dict(zip(numbers.tolist(), [END, *numbers[:-1].tolist()], strict=True))
    assert [bool(one.begins) for one in stretches] == [True] + [False] * (len(stretches) - 1)
    assert {one.words.shape[1] for one in stretches[:-1]} <= {stretch}


def test_processes_share_the_streams():
    numbers = np.arange(10, 41)
    whole = Streams(numbers, 5, 4)
    shares = [Streams(numbers, 5, 4, shards=2, shard=n) for n in range(2)]
    assert {len(share) for share in shares} == {len(whole)}
    for step, stretch in enumerate(whole):
        parts = [share[step].words for share in shares]
        assert torch.equal(parts[0], stretch.words[::2])
        assert torch.equal(parts[1], stretch.words[1::2])
    assert len(Streams(numbers, 1, 4, shards=3)[0].words) == 1  # of three, a stream each
    with pytest.raises(RangeError, match="1 words cannot be dealt out among 2"):
        Streams(numbers[:1], 5, 4, shards=2)


def test_an_epoch_goes_on_where_it_was_left_once():
    order = InOrder(4)
    order.skip = 2
    assert list(order) == [[2], [3]]
    assert list(order) == [[0], [1], [2], [3]]


def _placed(one: Stretch) -> torch.Tensor:
    truth = torch.zeros(one.words.numel(), dtype=torch.long)
    truth[one.places] = one.truth
    return truth.view_as(one.words)
