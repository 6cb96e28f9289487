"""Trap 1: copying that mixes the rows of a batch.

OpenNMT-py after PR #2231 gave for a sentence in a batch other probabilities than for the same
sentence alone (a difference of 0.375): numbers behind the vocabulary mean another word in each row.

The oracle is See, Liu, Manning 2017, eq. 9, word by word, by the words' spelling and not by any
number: p(w) = p_gen p_vocab(w) + (1 − p_gen) Σ_{j: x_j = w} α_j.
"""

import math

import pytest
import torch

from regard.data.batching import Encoding
from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, UNKNOWN, Vocabulary
from regard.errors import KindError
from regard.systems.translator import Config, Translator

SOURCES = ["Ann likes Bob", "Eve sees the cat and Eve sees Zoe", "the cat likes Bob", "the dog"]
TARGETS = ["Bob likes Ann", "Zoe and Eve", "Ann sees Bob", "the dog"]
KNOWN = ["the dog likes and sees the cat"]

MODELS = {
    "bahdanau": {},
    "luong": {"attention": "luong"},
    "transformer": {"attention": "transformer", "layers": 1},
}
every = pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)


def made(options):
    torch.manual_seed(0)
    config = Config(hidden=8, embedding=8, copy=True, **options)
    sides = Encoding(*(Vocabulary.of(KNOWN, "words") for _ in range(2)), copy=True)
    return Translator(config, len(sides.source), len(sides.target)).eval(), sides


def spelled(words, found, vocabulary):
    """Probabilities by the spelling of the words."""
    tokens = (*vocabulary.tokens, *words)
    return {token: float(p) for token, p in zip(tokens, found.exp(), strict=False)}


def first_step(model, encoding, texts):
    source, lengths, copies = encoding.sources(texts)
    state = model.begin(source, lengths, copies)
    found, _, weights = model.step(torch.full((len(texts),), BEGIN), state)
    return found, weights, copies


@every
@torch.no_grad()
def test_in_a_batch_as_one_at_a_time(options):
    model, encoding = made(options)
    together, _, copies = first_step(model, encoding, SOURCES)
    for row, text in enumerate(SOURCES):
        alone, _, own = first_step(model, encoding, [text])
        assert own.words == [copies.words[row]]
        expected = spelled(own.words[0], alone[0], encoding.target)
        got = spelled(copies.words[row], together[row], encoding.target)
        assert got == pytest.approx(expected, abs=1e-6)
        assert sum(got.values()) == pytest.approx(1, abs=1e-5)
        behind = together[row, len(encoding.target) + len(copies.words[row]) :]
        assert (behind == -math.inf).all()  # the unknown words of other rows
    batch = encoding.batch([Pair(*pair) for pair in zip(SOURCES, TARGETS, strict=True)])
    alone = [
        model.loss(encoding.batch([Pair(*p)])).total for p in zip(SOURCES, TARGETS, strict=True)
    ]
    torch.testing.assert_close(model.loss(batch).total, sum(alone), atol=1e-4, rtol=1e-5)


@every
@torch.no_grad()
def test_the_mixture_word_by_word(options):
    model, encoding = made(options)
    gates = []
    model.copying.gate.register_forward_hook(lambda layer, x, y: gates.append(torch.sigmoid(y)))
    outputs = []
    model.output.register_forward_hook(lambda layer, x, y: outputs.append(y.softmax(-1)))
    found, weights, copies = first_step(model, encoding, SOURCES)
    for row, text in enumerate(SOURCES):
        p_gen, p_vocab = float(gates[0][row]), outputs[0][row]
        expected = {
            w: p_gen * float(p) for w, p in zip(encoding.target.tokens, p_vocab, strict=True)
        }
        for word, weight in zip(text.split(), weights[row].tolist(), strict=False):
            expected[word] = expected.get(word, 0.0) + (1 - p_gen) * weight
        got = spelled(copies.words[row], found[row], encoding.target)
        assert got == pytest.approx(expected, abs=1e-6)
        assert 0 < p_gen < 1


@every
@torch.no_grad()
def test_the_loss_is_that_of_the_mixture(options):
    model, encoding = made(options)
    text, truth = "Eve sees the cat and Eve sees Zoe", "Zoe and Eve Ann"
    batch = encoding.batch([Pair(text, truth)])
    state = model.begin(batch.source, batch.source_lengths, batch.copies)
    last, nats = torch.tensor([BEGIN]), 0.0
    for word in (*truth.split(), "</s>"):
        found, state, _ = model.step(last, state)
        named = spelled(batch.copies.words[0], found[0], encoding.target)
        nats -= math.log(named.get(word, named["<unk>"]))  # Ann is nowhere: unknown
        tokens = (*encoding.target.tokens, *batch.copies.words[0])
        last = torch.tensor([tokens.index(word) if word in tokens else UNKNOWN])
    assert float(model.loss(batch).total) == pytest.approx(nats, rel=1e-5)


def test_words_are_numbered_row_by_row():
    _, encoding = made({})
    _, _, copies = encoding.sources(["Ann Bob Ann the", "Bob", ""])
    size, the = len(encoding.target), encoding.target.numbers["the"]
    assert copies.words == [("Ann", "Bob"), ("Bob",), ()]
    assert copies.source.tolist() == [
        [size, size + 1, size, the],
        [size, 0, 0, 0],
        [UNKNOWN, 0, 0, 0],
    ]
    truth = encoding.batch([Pair("Ann the x", "the x Ann y")]).copies.target
    assert truth.tolist() == [[BEGIN, the, size + 1, size, UNKNOWN, 3]]


def test_refuses():
    model, encoding = made({})
    batch = encoding.batch([Pair("the", "the")])
    with pytest.raises(KindError, match="this translator copies, and its sources came without"):
        model.loss(batch._replace(copies=None))
    with pytest.raises(KindError, match="copies with their target"):
        model.loss(batch._replace(copies=batch.copies._replace(target=None)))
    plain = Translator(Config(hidden=4, embedding=4), 10, 10)
    with pytest.raises(KindError, match="does not copy, and its sources came with copies"):
        plain.begin(batch.source, batch.source_lengths, batch.copies)
