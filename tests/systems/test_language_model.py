"""Language models: the loss is the paper's, and a text is the same however it is read."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.data.running import RunningConfig
from regard.data.running_text import Passage
from regard.data.running_words import RunningWords
from regard.data.streams import Streams, Stretch
from regard.data.vocabulary import BEGIN, PAD, UNKNOWN
from regard.errors import KindError, RangeError
from regard.runs.continuing import Continuing
from regard.runs.decode import search
from regard.systems.language_model import Config, LanguageModel

SMALL = {"embedding": 6, "hidden": 8, "dropout": 0.0}
CONFIGS = {
    "pointer": Config("pointer", **SMALL, window=5),
    "one layer, tied": Config("pointer", embedding=8, hidden=8, dropout=0.0, layers=1, window=1),
    "lstm": Config("lstm", **SMALL),
    "lstmn": Config("lstmn", **SMALL, window=5),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
N = 12
"""Words: 8 of them are real ones."""


def model_of(config):
    model = LanguageModel(config, N).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from the beginning, where all words are alike
            parameter.add_(torch.randn_like(parameter) / 2)
    return model


def a_text(count):
    return np.random.default_rng(0).integers(3, N, count)


@each_config
def test_stretches_and_shards_are_the_text(config):
    model, numbers = model_of(config), a_text(47)
    whole = [model.told(one) for one in Streams(numbers, 3, 100)]
    cut = [model.told(one) for one in Streams(numbers, 3, 4)]
    shards = [
        model.told(one) for n in range(2) for one in Streams(numbers, 3, 4, shards=2, shard=n)
    ]
    assert len(whole) == 1
    for name in ("nats", "gate", "share"):
        one, some, others = (
            torch.cat([getattr(told, name) for told in tolds]).sort().values
            for tolds in (whole, cut, shards)
        )
        torch.testing.assert_close(some, one)
        torch.testing.assert_close(others, one)


@each_config
def test_what_stands_beside_a_row_or_behind_it_changes_nothing(config):
    words = RunningWords("spaced", tuple(map(str, range(N))), (1,) * N, 35)
    model = model_of(config)
    texts = [Passage("5 6 7 6 5 6 5"), Passage("8 9"), Passage("4 4 4 4\n4 4 4 4 4")]
    together = model.told(words.batch(texts))
    alone = [model.told(words.batch([text])) for text in texts]
    for one, many in zip(zip(*alone, strict=True), together, strict=True):
        torch.testing.assert_close(torch.cat(one), many)


@each_config
def test_probabilities_of_all_words_sum_to_one(config):
    model, words = model_of(config), torch.tensor([[3, 5, 6, 5, 7, 3, 3]])
    total = torch.zeros(words.shape[1])
    likeliest = torch.zeros(words.shape[1])
    for y in range(N):
        truth = torch.full_like(words, y)
        places = torch.arange(words.shape[1])
        told = model.told(Stretch(truth[0], places, words, torch.tensor(True)))
        total += (-told.nats).exp()
        likeliest += told.likeliest
    torch.testing.assert_close(total.double(), torch.ones_like(total).double())
    assert likeliest.tolist() == [1.0] * words.shape[1]


@each_config
def test_steps_say_what_the_reading_says(config):
    model, row = model_of(config), [3, 5, 6, 5, 7, 3, 5, 6]
    read = torch.tensor([row])
    told = model.told(Stretch.of(read[:, :-1], read[:, 1:], begins=True))
    state = model.begin(read[:, :3], torch.tensor([3]))
    token = torch.tensor([BEGIN])
    for place in range(3, len(row)):
        logs, state, _ = model.step(token, state)
        assert logs[0, UNKNOWN] == -math.inf
        torch.testing.assert_close(-logs[0, row[place]], told.nats[place - 1])
        token = read[:, place]


@each_config
@pytest.mark.parametrize("options", [{"beam": 3, "n_best": 2}, {"sample": True, "n_best": 2}])
def test_texts_are_continued_alone_as_in_company(config, options):
    model, source = model_of(config), torch.tensor([[3, 5, 6], [3, 7, 7], [3, 9, 4]])
    options = Continuing(**options, max_length=6)
    lengths = torch.tensor([3, 3, 3])
    together = search(model, source, lengths, options)
    for n in range(3):
        alone = search(model, source[n : n + 1], lengths[:1], options)[0]
        for one, other in zip(alone, together[n], strict=True):
            assert one.tokens == other.tokens
            assert one.log_probability == pytest.approx(other.log_probability)
    assert all(len(one.tokens) <= 6 and UNKNOWN not in one.tokens for r in together for one in r)


def test_training_adds_the_pointers_own_loss():
    words, truth = torch.tensor([[3, 5, 6, 5], [7, 7, 4, 0]]), [[5, 6, 5, 9], [7, 4, 8, 0]]
    batch = Stretch.of(words, torch.tensor(truth), begins=True)
    losses = {}
    for weight in (0.0, 0.5, None):
        torch.manual_seed(0)
        model = model_of(Config("pointer", **SMALL, window=3, pointer_loss=weight)).train()
        losses[weight] = model.loss(batch)
    model.eval().requires_grad_(False)
    hidden = model.read(words, None).hidden
    logits = (hidden @ model.projection.weight.T) @ model.embedding.weight.T + model.bias
    mixture = own = 0.0
    for b, row in enumerate(truth):
        for t, y in enumerate(row):
            if y == PAD:
                continue
            q = torch.tanh(model.pointer.query(hidden[b, t]))
            there = range(max(0, t - 2), t + 1)
            z = {i: math.exp(float(q @ hidden[b, i])) for i in there}
            s = math.exp(float(q @ model.pointer.sentinel))
            g = s / (s + sum(z.values()))
            share = sum(z[i] for i in there if words[b, i] == y) / (s + sum(z.values()))
            mixture -= math.log(g * float(logits[b, t].softmax(-1)[y]) + share)
            own -= math.log(g + share)
    assert float(losses[0.0].total.detach()) == pytest.approx(mixture)
    assert float(losses[0.5].total.detach()) == pytest.approx(mixture + 0.5 * own)
    assert float(losses[None].total.detach()) == pytest.approx(mixture + own)
    assert float(model.loss(batch).total.detach()) == pytest.approx(mixture)  # in evaluation
    assert [float(loss.count) for loss in losses.values()] == [7, 7, 7]


@each_config
def test_the_state_is_carried_and_apart_from_the_validations(config):
    model, numbers = model_of(config).train(), a_text(40)
    stretches = Streams(numbers, 2, 5)
    expected = [float(model.loss(one).total.detach()) for one in stretches]
    other = Streams(a_text(30)[::-1].copy(), 2, 5)
    found = []
    for one in stretches:
        found.append(float(model.loss(one).total.detach()))
        carried = model.carried
        model.eval()
        for stretch in other:
            model.loss(stretch)
        model.train()
        assert model.carried is carried
        model.carried = carried
    assert found == expected
    model.carried = None
    assert float(model.loss(stretches[3]).total.detach()) != pytest.approx(expected[3], rel=1e-6)
    model.loss(stretches[0])
    loss = model.loss(stretches[1]).total
    loss.backward()  # into this stretch alone: that of the first one is gone already


@each_config
def test_a_text_that_repeats_itself_is_learned(config):
    torch.manual_seed(0)
    numbers = np.tile(np.arange(4, N), 20)
    model = LanguageModel(replace(config, hidden=16, embedding=16), N)
    optimizer = torch.optim.Adam(model.parameters(), 0.04)
    stretches = Streams(numbers, 4, 10)
    for _ in range(15):
        for one in stretches:
            loss = model.loss(one)
            optimizer.zero_grad()
            (loss.total / loss.count).backward()
            optimizer.step()
    model.eval()
    for one in stretches:
        loss = model.loss(one)
    assert float(loss.mean) < 0.5 * math.log(N - 4)
    assert model.judged > 0.9


def test_the_configs_that_are_refused():
    for options, message in (
        ({"kind": "lstm", "window": 5}, "model.window is of model.kind=pointer or lstmn"),
        ({"kind": "lstmn", "layers": 2}, "model.layers is of model.kind=pointer or lstm"),
        ({"kind": "lstmn", "pointer_loss": 1.0}, "model.pointer_loss is of model.kind=pointer"),
    ):
        with pytest.raises(KindError, match=message):
            Config(**options)
    for options in ({"dropout": 1.0}, {"hidden": 0}, {"pointer_loss": -1.0}, {"window": 0}):
        with pytest.raises(RangeError, match="model."):
            Config(**options)


def test_the_words_of_a_data_set_make_the_vocabulary():
    words = RunningWords.of([Passage("a b a b c")], RunningConfig())
    assert LanguageModel(Config(**SMALL), len(words)).embedding.num_embeddings == 6
