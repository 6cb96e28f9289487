"""The readers: padding, gradients, what they look at, and vectors that are given."""

import math

import pytest
import torch

from regard.data.questions_batch import QuestionBatch
from regard.errors import KindError, RangeError
from regard.grid import TORCH, Grid
from regard.masks import padding
from regard.systems.reader import Config, Reader
from regard.systems.reader_documentqa import others
from regard.systems.reader_fusionnet import Aware

ARMS = ("bidaf", "documentqa", "fusionnet", "qanet", "mean")
WORDS, BUCKETS, CHARACTERS = 20, 5, 9
SMALL = {"embedding": 6, "hidden": 4, "characters": 3, "character_features": 5, "dropout": 0.0}


def reader(arm, **options):
    torch.manual_seed(0)
    config = Config(attention=arm, **(SMALL | ({"heads": 2} if arm == "qanet" else {}) | options))
    return Reader(config, WORDS, BUCKETS, CHARACTERS).eval()


def batch():
    """Passages of 7 and 4 words, questions of 3 and 2, and padding behind them."""
    lengths, counts = (7, 4), (3, 2)
    draw = torch.Generator().manual_seed(1)

    def texts(sizes, *more):
        wide = (len(sizes), max(sizes), *more)
        found = torch.randint(4, CHARACTERS if more else WORDS + BUCKETS, wide, generator=draw)
        for row, size in zip(found, sizes, strict=True):
            row[size:] = 0
        return found

    passage, question = texts(lengths), texts(counts)
    return QuestionBatch(
        passage,
        torch.tensor(lengths),
        question,
        torch.tensor(counts),
        texts(lengths, 4),
        texts(counts, 4),
        passage % 2 == 1,
        torch.tensor([1, 0]),
        torch.tensor([2, 0]),
    )


def alone(whole, row):
    """One row of a batch, without padding."""
    length, count = int(whole.passage_lengths[row]), int(whole.question_lengths[row])
    one = QuestionBatch(*(x[row : row + 1] for x in whole))
    return one._replace(
        passage=one.passage[:, :length],
        passage_characters=one.passage_characters[:, :length],
        shared=one.shared[:, :length],
        question=one.question[:, :count],
        question_characters=one.question_characters[:, :count],
    )


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("match", [True, False])
def test_a_row_is_what_it_is_alone(arm, match):
    model, whole = reader(arm, match=match), batch()
    together = model(whole, looks=True)
    for row in (0, 1):
        one = alone(whole, row)
        length, count = one.passage.shape[1], one.question.shape[1]
        found = model(one, looks=True)
        torch.testing.assert_close(found.starts[0], together.starts[row, :length])
        torch.testing.assert_close(found.ends[0], together.ends[row, :length])
        assert (together.starts[row, length:] == -math.inf).all()
        looked = together.looks.question[row, :length, :count]
        torch.testing.assert_close(found.looks.question[0], looked)
        if found.looks.own is not None:
            torch.testing.assert_close(
                found.looks.own[0], together.looks.own[row, :length, :length]
            )


@pytest.mark.parametrize("arm", ARMS)
def test_weights_sum_to_one_over_what_may_be_seen(arm):
    whole = batch()
    found, plain = reader(arm)(whole, looks=True), reader(arm)(whole)
    torch.testing.assert_close(plain.starts, found.starts)
    assert plain.looks is None
    for row, (length, count) in enumerate(((7, 3), (4, 2))):
        question, passage, own = (None if x is None else x[row] for x in found.looks)
        torch.testing.assert_close(question[:length, :count].sum(-1), torch.ones(length))
        assert not question[length:].any()
        assert not question[:, count:].any()
        if passage is not None:
            rows = 1 if len(passage) == 1 else count
            torch.testing.assert_close(passage[:rows, :length].sum(-1), torch.ones(rows))
            assert not passage[:, length:].any()
        if own is not None:
            torch.testing.assert_close(own[:length, :length].sum(-1), torch.ones(length))
            assert not own[length:].any()
        if arm in ("documentqa", "mean"):
            assert not own.diagonal().any()
        if arm == "mean":
            torch.testing.assert_close(
                question[:length, :count], torch.full((length, count), 1 / count)
            )
            torch.testing.assert_close(
                own[0, 1:length], torch.full((length - 1,), 1 / (length - 1))
            )
    assert (found.looks.own is None) == (arm == "bidaf")
    assert (found.looks.passage is None) == (arm == "fusionnet")


@pytest.mark.parametrize("arm", ARMS)
def test_everything_learns(arm):
    model = reader(arm).train()
    loss = model.loss(batch())
    assert float(loss.count) == 2
    loss.total.backward()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_loss_is_that_of_first_and_last_words_that_are_known():
    model, whole = reader("documentqa"), batch()
    found = model(whole)
    first = found.starts[0].log_softmax(0)[1] + found.ends[0].log_softmax(0)[2]
    unknown = whole._replace(starts=torch.tensor([1, -1]), ends=torch.tensor([2, -1]))
    loss = model.loss(unknown)
    assert float(loss.count) == 1
    torch.testing.assert_close(loss.total, -first)


def test_who_looks_at_itself_sees_all_others():
    mask = others(torch.tensor([3, 1]))
    seen = torch.as_tensor(mask.tile(Grid((2,), 4, 4, range(4), range(4), TORCH, None)))
    expected = [[[s < n and s != t for s in range(4)] for t in range(4)] for n in (3, 1)]
    assert seen.expand(2, 4, 4).tolist() == expected


def test_fully_aware_attention_is_the_papers_in_loops():
    attention = Aware(5, 3)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
    query, key, value = torch.randn(1, 4, 5), torch.randn(1, 3, 5), torch.randn(1, 3, 2)
    found, over = attention(query, key, value, padding(torch.tensor([2])), True)
    tensors = dict(attention.named_parameters())
    u = next(x for name, x in tensors.items() if "projection" in name)
    d = next(x for name, x in tensors.items() if "diagonal" in name)
    for t in range(4):
        q = torch.relu(u @ query[0, t])
        scores = torch.stack([(q * d) @ torch.relu(u @ key[0, j]) for j in range(2)])
        torch.testing.assert_close(over[0, t, :2], scores.softmax(0))
        torch.testing.assert_close(found[0, t], scores.softmax(0) @ value[0, :2])


def test_given_vectors_stay_and_others_learn():
    given = torch.randn(WORDS, 6)
    given[5:9] = torch.nan
    config = Config(**SMALL)
    model = Reader(config, WORDS, BUCKETS, CHARACTERS, given)
    numbers = torch.arange(WORDS + BUCKETS)[None]
    before = model.words.vectors(numbers).detach().clone()
    torch.testing.assert_close(before[0, 10:WORDS], given[10:])
    assert not before[0, 0].any()
    model.words.vectors(numbers).sin().sum().backward()
    torch.optim.SGD(model.parameters(), 1.0).step()
    after = model.words.vectors(numbers).detach()
    assert (after != before)[0].any(-1).nonzero()[:, 0].tolist() == [5, 6, 7, 8]
    fresh = Reader(config, WORDS, BUCKETS, CHARACTERS)  # as a run is loaded: without the file
    fresh.load_state_dict(model.state_dict())
    torch.testing.assert_close(fresh.words.vectors(numbers), after)
    with pytest.raises(RangeError, match=r"model\.embedding"):
        Reader(config, WORDS, BUCKETS, CHARACTERS, torch.zeros(WORDS, 7))


def test_without_characters_words_alone_are_read():
    whole = batch()
    other = whole._replace(passage_characters=whole.passage_characters.clamp(max=4))
    without = reader("documentqa", characters=0, character_features=None)
    torch.testing.assert_close(without(whole).starts, without(other).starts)
    model = reader("documentqa")
    assert not torch.equal(model(whole).starts, model(other).starts)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"attention": "bidaf", "heads": 2}, KindError, r"model\.heads is of model\.attention=qa"),
        ({"attention": "qanet", "kernel": 4}, RangeError, "odd"),
        ({"attention": "qanet", "hidden": 5, "heads": 4}, RangeError, "divides"),
        ({"characters": 0, "character_features": 4}, KindError, "leave it null"),
        ({"hidden": 0}, RangeError, "at least 1"),
        ({"dropout": 1.0}, RangeError, "below 1"),
    ],
)
def test_options_that_do_not_go_together(options, error, message):
    with pytest.raises(error, match=message):
        Config(**options)
