"""What a trained language model says: scores word by word, what follows a text, how it was read."""

import math
from operator import itemgetter

import numpy as np
import pytest
import torch

from regard.data.running import RunningConfig
from regard.data.running_text import Passage
from regard.data.running_words import RunningWords
from regard.data.streams import InOrder
from regard.errors import RangeError
from regard.runs.continue_text import TrainedLanguageModel
from regard.runs.continuing import Continuing
from regard.runs.dealing import Deal
from regard.runs.language_model import SYSTEM
from regard.runs.scores_of_words import BANDS, evaluate, nats_by_word, streams_of
from regard.systems.language_model import Config, LanguageModel

KINDS = ("pointer", "lstm", "lstmn")
each_kind = pytest.mark.parametrize("kind", KINDS)
TEXT = ["to be, or not to be:", "that is the question", "", "to sleep, no more"]
PART = [Passage("\n".join(TEXT[:2])), Passage("\n".join(TEXT[2:]))]
"""A text to learn words from; "that", "is", … stand there once, and are not known."""


def trained_of(kind):
    words = RunningWords.of(PART, RunningConfig(stretch=5))
    model = LanguageModel(Config(kind, embedding=6, hidden=8), len(words))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 2)
    return TrainedLanguageModel(model, words)


def by_hand(trained, numbers):
    """−log p of each word, from the whole text before it, read anew."""
    model = trained.model.eval().requires_grad_(False)
    nats = []
    for n, number in enumerate(numbers):
        row = torch.tensor([[3, *numbers[:n]]])
        reading = model.read(row, None)
        hidden = model.projection(reading.hidden[0, -1])
        p = (model.embedding.weight @ hidden + model.bias).softmax(-1)
        if reading.pointed is not None:
            p = p * reading.pointed.log_gate[0, -1].exp()
            for x, log in zip(row[0].tolist(), reading.pointed.log_weights[0, -1], strict=True):
                p[x] += log.exp()
        nats.append(-math.log(p[number]))
    return nats


@each_kind
def test_scores_are_those_of_every_word(kind):
    trained = trained_of(kind)
    told = nats_by_word(trained, PART)
    numbers = trained.encoding.text(PART).tolist()
    assert told.words.tolist() == numbers
    np.testing.assert_allclose(told.nats, by_hand(trained, numbers), rtol=1e-4)
    scores = evaluate(trained, PART)
    assert scores["loss"] == pytest.approx(told.nats.mean())
    assert scores["perplexity"] == pytest.approx(math.exp(told.nats.mean()))
    assert scores["words"] == len(numbers) == sum(trained.encoding.counts)
    assert scores["unknown"] == sum(n == 1 for n in numbers) / len(numbers) > 0
    assert {b for b in BANDS if f"perplexity_{b}" in scores} == {"unknown", "below_10"}
    known = told.nats[told.words != 1]
    assert scores["perplexity_below_10"] == pytest.approx(math.exp(known.mean()))
    assert ("gate" in scores) == (kind == "pointer")
    assert len(trained.table(scores)) == len(scores)


def test_bands_are_by_counts_in_the_training_part():
    trained = trained_of("lstm")
    counts = (0, 7, 0, 5000, 1, 9, 10, 99, 100, 999, 1000)
    words = RunningWords("spaced", tuple("PUBE") + tuple("abcdefg"), counts, 5)
    model = LanguageModel(Config("lstm", embedding=6, hidden=8), len(words))
    trained = TrainedLanguageModel(model, words)
    told = nats_by_word(trained, [Passage("a b c d e f g z")])
    assert [BANDS[band] for band in told.bands] == [
        *("below_10",) * 2, *("below_100",) * 2, *("below_1000",) * 2, "others", "unknown", "others"
    ]  # fmt: skip
    assert streams_of(np.zeros(999)) == 1
    assert streams_of(np.zeros(3_500)) == 3
    assert streams_of(np.zeros(10**6)) == 10


@each_kind
def test_what_follows_a_text(kind):
    trained = trained_of(kind)
    texts = ["to be", "or not", "question"]
    together = trained.predict(texts, Continuing(max_length=4))
    for text, answer in zip(texts, together, strict=True):
        (alone,) = trained.predict([text], Continuing(max_length=4))
        assert alone.line == answer.line
        assert answer.line.startswith(text)
        found = answer.as_json()
        assert len(found["words"]) == 4 or found["ended"]
        # What the search says is what reading the whole says; END is the last word, if it came.
        numbers = [trained.encoding.numbers[word] for word in found["words"]]
        before = trained.encoding.of_line(text)
        nats = by_hand(trained, [*before, *numbers, *([3] if found["ended"] else [])])
        assert found["log_probability"] == pytest.approx(-sum(nats[len(before) :]), rel=1e-4)
        assert ("gates" in found) == (kind == "pointer")
        assert len(found.get("gates", numbers)) == len(numbers)
    (drawn,) = trained.predict(["to be"], Continuing(sample=True, n_best=3, max_length=4))
    assert len(drawn.line.split("\n")) == len(drawn.as_json()["n_best"]) == 3


@each_kind
def test_how_a_text_was_read(kind):
    trained = trained_of(kind)
    (answer,) = trained.predict(["to be, that\nto"])
    read = answer.foretold
    numbers = trained.encoding.encode("to be, that\nto")[:-1].tolist()
    expected = [math.exp(-nats) for nats in by_hand(trained, numbers)]
    np.testing.assert_allclose(read.probabilities[1:], expected, rtol=1e-4)
    assert "".join(read.tokens) == "¶ to be, that ¶ to"
    assert read.known == (True, True, True, True, False, True, True)
    assert "found" not in vars(answer.together)  # nothing was written
    if kind == "pointer":
        np.testing.assert_allclose(read.pointed.sum(-1)[1:] + read.gates[1:], 1.0, rtol=1e-5)
        # The pointer's part of p: the weights of the places before where the word stands.
        row = [3, *numbers]
        for n in range(1, len(row)):
            same = sum(read.pointed[n, i] for i in range(n) if row[i] == row[n])
            assert read.shares[n] * read.probabilities[n] == pytest.approx(same, abs=1e-6)
    if kind == "lstmn":
        assert np.triu(read.weights).max() == 0
        np.testing.assert_allclose(read.weights.sum(-1)[1:], 1.0, rtol=1e-5)
    for empty in ("", " \n "):
        assert trained.predict([empty])[0].terminal() is not None


def test_streams_in_order_for_training():
    trained = trained_of("lstm")
    dealt = SYSTEM.batches(PART, trained.encoding, Deal(3, 0, True))
    assert isinstance(dealt.batches, InOrder)
    assert isinstance(dealt.collate, itemgetter)
    batch = dealt.collate([dealt.examples[place] for place in next(iter(dealt.batches))])
    assert batch.words.shape == (3, 5)
    chosen = SYSTEM.batches(PART, trained.encoding, Deal(250, 0, False))
    assert len(chosen.examples[0].words) == 1


def test_a_question_is_a_beginning():
    many = Passage("\n= A =\n\n" + " ".join(["word"] * 100))
    assert SYSTEM.question(many) == "= A =\n\n" + " ".join(["word"] * 37)


def test_an_option_without_effect_is_refused():
    with pytest.raises(RangeError, match="coverage_penalty"):
        Continuing(beam=2, coverage_penalty=0.1)
    assert Continuing().limit(1_000) == 50
