"""Searches with the translators themselves: their states move as their hypotheses do."""

import pytest
import torch

from regard.data.batching import Batch, pad
from regard.data.copying import Copies
from regard.data.vocabulary import BEGIN, END
from regard.runs.decode import Search, search
from regard.systems.translator import Config, Translator

SIZE = 9
SOURCES = [[4, 5, 6, 7], [8], [6, 6, 5], [1, 4, 1, 7, 8]]
CONFIGS = {
    "none": Config(attention="none", embedding=6, hidden=8),
    "bahdanau": Config(embedding=6, hidden=8),
    "bahdanau of LSTMs": Config(embedding=6, hidden=8, cell="lstm", layers=2),
    "coverage": Config(embedding=6, hidden=8, alignment="coverage"),
    "luong": Config(attention="luong", embedding=6, hidden=8),
    "luong local": Config(attention="luong", reach="local-m", window=1, embedding=6, hidden=8),
    "luong of GRUs": Config(attention="luong", cell="gru", layers=2, embedding=6, hidden=8),
    "transformer": Config(attention="transformer", layers=2, heads=2, hidden=8),
    "copying": Config(embedding=6, hidden=8, copy=True),
}
SEARCHES = {
    "greedy": Search(max_length=9),
    "beam": Search(beam=5, n_best=4, length_penalty=0.5, coverage_penalty=0.1, max_length=7),
    "sampling": Search(sample=True, n_best=3, max_length=9, seed=1),
}


def translator(config):
    torch.manual_seed(0)
    model = Translator(config, SIZE, SIZE).eval()
    with torch.no_grad():  # texts that end, at different lengths, and are sure of themselves
        for parameter in model.parameters():
            parameter.mul_(4.0)
    return model


def copies_of(sources, targets=None):
    """Of each row's source, the words at places 0 and 2 are unknown to the target."""
    rows = [[SIZE + i // 2 if i in (0, 2) else n for i, n in enumerate(s)] for s in sources]
    words = [("a", "b")[: 1 + (len(s) > 2)] for s in sources]
    return Copies(pad(rows)[0], None if targets is None else pad(targets)[0], words)


@pytest.mark.parametrize("options", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_text_has_the_probability_that_training_gives_it(config, options):
    model = translator(config)
    copies = copies_of(SOURCES) if config.copy else None
    found = search(model, *pad(SOURCES), options, copies)
    for source, row in zip(SOURCES, found, strict=True):
        assert len(row) == options.n_best
        for one in row:
            target = [BEGIN, *one.tokens, *[END] * one.ended]
            known = [n if n < SIZE else 1 for n in target]
            batch = Batch(*pad([source]), *pad([known]))
            if config.copy:
                batch = batch._replace(copies=copies_of([source], [target]))
            with torch.no_grad():
                nats = float(model.loss(batch).total)
                weights = model.align(batch)[0, : len(one.tokens)]
            assert one.log_probability == pytest.approx(-nats, abs=2e-4)
            torch.testing.assert_close(one.weights, weights, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_text_alone_equals_it_in_company(config):
    model, options = translator(config), SEARCHES["beam"]
    together = search(model, *pad(SOURCES), options, copies_of(SOURCES) if config.copy else None)
    for source, among in zip(SOURCES, together, strict=True):
        copies = copies_of([source]) if config.copy else None
        (alone,) = search(model, *pad([source]), options, copies)
        assert [one.tokens for one in alone] == [one.tokens for one in among]
