"""The translator learns, and neither padding nor company changes what it says."""

import random

import pytest
import torch

from regard.data.batching import Encoding
from regard.data.pairs import Pair
from regard.data.vocabulary import Vocabulary
from regard.runs.decode import greedy
from regard.runs.evaluate import token_match
from regard.runs.translate import TrainedTranslator
from regard.systems.translator import Config, Translator

CONFIGS = {
    "bahdanau": Config(embedding=16, hidden=32),
    "bahdanau sparse": Config(embedding=16, hidden=32, normalizer="sparsemax"),
    "luong general": Config(attention="luong", embedding=16, hidden=32),
    "luong dot": Config(attention="luong", score="dot", embedding=16, hidden=32),
    "luong concat": Config(
        attention="luong", score="concat", input_feeding=False, embedding=16, hidden=32
    ),
}


def reversals(count, seed):
    draw = random.Random(seed)
    texts = ["".join(draw.choices("abcdef", k=draw.randint(1, 6))) for _ in range(count)]
    return [Pair(text, text[::-1]) for text in texts]


def encoding():
    return Encoding(*(Vocabulary.of(["abcdef"], "characters") for _ in range(2)))


@pytest.mark.parametrize("config", [CONFIGS["bahdanau"], CONFIGS["luong general"]], ids=str)
def test_learns_to_reverse(config):
    torch.manual_seed(0)
    model, pairs = Translator(config, 10, 10), reversals(1024, 0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(160):
        start = step * 64 % 1024
        loss = model.loss(encoding().batch(pairs[start : start + 64]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert token_match(model, encoding().batch(reversals(200, 1))) > 0.9


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_text_alone_equals_it_in_company(config):
    torch.manual_seed(1)
    trained = TrainedTranslator(Translator(config, 10, 10), encoding())
    texts = ["abcdefabcdef", "c", "", "fed ☃"]
    together = trained.translate(texts)
    for text, among in zip(texts, together, strict=True):
        (alone,) = trained.translate([text])
        # The bound on the length is the batch's: a model that never ends may go on in company.
        shared = len(alone.alignment.target)
        assert among.target[: len(alone.target)] == alone.target
        torch.testing.assert_close(
            torch.from_numpy(among.alignment.weights.copy())[:shared],
            torch.from_numpy(alone.alignment.weights.copy()),
            atol=1e-5,
            rtol=1e-4,
        )


@torch.no_grad()
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_decoding_gives_the_probabilities_that_training_sees(config):
    torch.manual_seed(2)
    model = Translator(config, 10, 10).eval()
    source, lengths = encoding().sources(["abc", "de"])
    found = greedy(model, source, lengths, 5)
    begin = torch.full((2, 1), 2)
    encoded = model._encode(source, lengths)
    embedded = model.target_embedding(torch.cat([begin, found.tokens[:, :-1]], 1))
    logits = model.output(model.decoder(embedded, encoded)).log_softmax(-1)
    ended = (found.tokens == 3).cumsum(1) - (found.tokens == 3).int() > 0
    chosen = logits.gather(-1, found.tokens[..., None])[..., 0].masked_fill(ended, 0.0)
    torch.testing.assert_close(found.log_probability, chosen.sum(1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.weights.sum(-1), torch.ones_like(found.weights[..., 0]))


def test_unknown_rate_reads_tokens_as_unknown_in_training_alone():
    model = Translator(Config(embedding=4, hidden=4, unknown_rate=0.5), 10, 10)
    source = torch.tensor([[4, 5, 6, 7, 0]] * 200)
    lost = model._with_unknowns(source)
    assert 0.4 < (lost[:, :4] == 1).float().mean() < 0.6
    assert not lost[:, 4].any()
    model.eval()
    assert torch.equal(model._with_unknowns(source), source)
