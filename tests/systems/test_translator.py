"""Every translator, by the laws that all of them keep: it learns, and neither padding nor company
changes what it says."""

import random
from itertools import product

import pytest
import torch

from regard.data.batching import Encoding
from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary
from regard.systems.translator import Config, Translator

CONFIGS = {
    "bahdanau": {},
    "bahdanau sparse": {"normalizer": "sparsemax"},
    "bahdanau lstm stacked": {"cell": "lstm", "layers": 2},
    "bahdanau dot tied": {"score": "dot", "tied": True},
    "bahdanau local-p": {"reach": "local-p", "window": 2},
    "bahdanau hard": {"alignment": "hard"},
    "bahdanau coverage": {"alignment": "coverage", "normalizer": "entmax15"},
    "bahdanau copy": {"copy": True},
    "none": {"attention": "none"},
    "none lstm stacked": {"attention": "none", "cell": "lstm", "layers": 2},
    "luong general": {"attention": "luong"},
    "luong dot": {"attention": "luong", "score": "dot"},
    "luong dot unfed": {"attention": "luong", "score": "dot", "input_feeding": False},
    "luong concat unfed stacked": {
        "attention": "luong",
        "score": "concat",
        "input_feeding": False,
        "layers": 2,
    },
    "luong location": {"attention": "luong", "score": "location", "places": 4},
    "luong cosine gru": {"attention": "luong", "score": "cosine", "cell": "gru", "layers": 2},
    "luong local-m": {"attention": "luong", "reach": "local-m", "window": 2},
    "luong local-m unfed": {
        "attention": "luong",
        "reach": "local-m",
        "window": 2,
        "input_feeding": False,
    },
    "luong local-p": {"attention": "luong", "reach": "local-p", "window": 2, "score": "dot"},
    "luong hard": {"attention": "luong", "alignment": "hard", "score": "general"},
    "luong hard unfed": {"attention": "luong", "alignment": "hard", "input_feeding": False},
    "luong coverage": {"attention": "luong", "alignment": "coverage"},
    "luong coverage unfed": {"attention": "luong", "alignment": "coverage", "input_feeding": False},
    "luong copy": {"attention": "luong", "copy": True, "tied": True},
    "transformer": {"attention": "transformer", "layers": 2},
    "transformer copy tied": {
        "attention": "transformer",
        "layers": 1,
        "copy": True,
        "tied": True,
        "score": "general",
    },
}
every = pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)

LETTERS = "abcdef"


def made(options, *, seed=0, **more):
    torch.manual_seed(seed)
    sizes = {"hidden": 16} if options.get("attention") == "transformer" else {"embedding": 12}
    given = {"hidden": 16, "dropout": 0.0, "unknown_rate": 0.0} | sizes | options | more
    return Translator(Config(**given), 4 + len(LETTERS), 4 + len(LETTERS))


def encoding(options):
    sides = (Vocabulary.of([LETTERS], "characters") for _ in range(2))
    return Encoding(*sides, copy=options.get("copy", False))


def pairs(*texts):
    return [Pair(text, text[::-1]) for text in texts]


def reversals(count, seed):
    draw = random.Random(seed)
    texts = ("".join(draw.choices(LETTERS, k=draw.randint(1, 6))) for _ in range(count))
    return pairs(*texts)


def stepped(model, batch):
    """log p of the true tokens and the weights, one step after the other."""
    state = model.begin(batch.source, batch.source_lengths, batch.copies)
    truth = batch.target if batch.copies is None else batch.copies.target
    chosen, weights = [], []
    for t in range(batch.target.shape[1] - 1):
        found, state, row = model.step(truth[:, t], state)
        chosen.append(found.gather(1, truth[:, t + 1 : t + 2])[:, 0])
        weights.append(row)
    real = torch.arange(len(chosen)) < batch.target_lengths[:, None] - 1
    return torch.stack(chosen, 1).masked_fill(~real, 0.0), torch.stack(weights, 1)


@torch.no_grad()
@every
def test_steps_say_what_the_loss_is_made_of(options):
    model = made(options).eval()
    batch = encoding(options).batch(pairs("abcd", "f", "e☃d☂", "cc☃"))
    total, count = model.loss(batch)
    chosen, weights = stepped(model, batch)
    assert count == 5 + 2 + 5 + 4
    torch.testing.assert_close(-chosen.sum(), total, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(model.align(batch), weights, atol=1e-5, rtol=1e-4)
    assert not weights[1, :, 1:].any()


@torch.no_grad()
@every
def test_probabilities_are_a_distribution(options):
    model = made(options).eval()
    batch = encoding(options).batch(pairs("abcd", "f☂☃"))
    state = model.begin(batch.source, batch.source_lengths, batch.copies)
    found, _, _ = model.step(torch.tensor([BEGIN, BEGIN]), state)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(2))
    assert found.shape[1] == 10 + 2 * (batch.copies is not None)


@torch.no_grad()
@every
def test_a_row_alone_is_as_in_company_whatever_stands_in_the_padding(options):
    model = made(options).eval()
    texts = pairs("abcdef", "c", "fed☃", "☃a☂a☃")
    batch = encoding(options).batch(texts)
    rows = []
    for pair in texts:
        alone = encoding(options).batch([pair])
        rows.append(model.loss(alone).total)
        _, weights = stepped(model, alone)
        torch.testing.assert_close(model.align(alone), weights, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.loss(batch).total, sum(rows), atol=2e-4, rtol=1e-4)
    poisoned = _poisoned(batch)
    assert not torch.equal(poisoned.source, batch.source)
    torch.testing.assert_close(model.loss(poisoned), model.loss(batch), atol=1e-4, rtol=1e-5)


def _poisoned(batch):
    def behind(rows, lengths):
        return torch.where(torch.arange(rows.shape[1]) < lengths[:, None], rows, 5)

    lengths = batch.source_lengths
    copies = batch.copies
    if copies is not None:
        target = behind(copies.target, batch.target_lengths)
        copies = copies._replace(source=behind(copies.source, lengths), target=target)
    target = behind(batch.target, batch.target_lengths)
    return batch._replace(source=behind(batch.source, lengths), target=target, copies=copies)


@every
def test_every_tensor_gets_a_gradient_in_both_dtypes(options):
    model = made(options, dropout=0.1)
    batch = encoding(options).batch(pairs("abcdef", "c", "fed☃"))
    model.loss(batch).total.backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert without <= {"network.decoder.attention.score.offset"}
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        total, count = model.loss(batch)
    total.backward()
    assert total.dtype == torch.float32
    assert torch.isfinite(total)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = model.loss(batch).total / count
        chosen, _ = stepped(model, batch)
    exact = model.loss(batch).total / count
    torch.testing.assert_close(half, exact, atol=0.1, rtol=0.05)
    torch.testing.assert_close(-chosen.sum() / count, exact, atol=0.1, rtol=0.05)


LEARNERS = {
    "bahdanau": ({}, 1e-2),
    "luong general": ({"attention": "luong", "embedding": 16}, 1e-2),
    "luong dot unfed": (CONFIGS["luong dot unfed"], 1e-2),
    "transformer": ({"attention": "transformer", "layers": 1, "label_smoothing": 0.1}, 3e-3),
    "scheduled": ({"teacher_forcing": 0.5}, 1e-2),
}


@pytest.fixture
def one_thread():
    """Sums of the same order everywhere; so small a model would gain nothing by more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("options", "rate"), LEARNERS.values(), ids=LEARNERS)
def test_learns_to_reverse(options, rate):
    model = made(options, hidden=32)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    examples, held_out = reversals(1024, 0), encoding(options).batch(reversals(200, 1))
    right = []
    while len(right) < 8 and max(right, default=0.0) < 0.6:
        for step in range(len(right) * 60, len(right) * 60 + 60):
            start, model.progress = step * 64 % 1024, min(1.0, step / 60)
            total, count = model.loss(encoding(options).batch(examples[start : start + 64]))
            optimizer.zero_grad()
            (total / count).backward()
            optimizer.step()
        right.append(exact(model.eval(), held_out))
        model.train()
    assert max(right) >= 0.6, right


@torch.no_grad()
def exact(model, batch):
    """The share of targets that the likeliest tokens are."""
    state = model.begin(batch.source, batch.source_lengths)
    last, right = batch.target[:, 0], torch.ones(len(batch.target), dtype=torch.bool)
    for t in range(1, batch.target.shape[1]):
        found, state, _ = model.step(last, state)
        last = found.argmax(-1)
        right &= (last == batch.target[:, t]) | (t >= batch.target_lengths)
    return right.float().mean()


def test_unknown_rate_reads_tokens_as_unknown_in_training_alone():
    model = made({}, unknown_rate=0.5)
    source = torch.tensor([[4, 5, 6, 7, PAD]] * 200)
    lost = model._with_unknowns(source)
    assert 0.4 < (lost[:, :4] == UNKNOWN).float().mean() < 0.6
    assert not lost[:, 4].any()
    model.eval()
    assert torch.equal(model._with_unknowns(source), source)


@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
@pytest.mark.parametrize("sampling", ["token", "target"])
def test_teacher_forcing_falls(attention, sampling):
    """Tokens that the network reads are counted where the model's own can be told from the true."""
    options = {"attention": attention, "teacher_forcing": 0.25, "sampling": sampling}
    model = made(options)
    with torch.no_grad():  # a model that always says END
        model.output.layer.bias[END] = 1e4
    batch = encoding(options).batch(pairs(*["abcdef" * 2] * 100))
    shares = []
    for model.progress in (0.0, 0.5, 1.0):
        _, read = model._written(batch, batch.target[:, :-1])
        own = read[:, 1:] == END
        assert torch.equal(read[:, 1:][~own], batch.target[:, 1:-1][~own])
        if sampling == "target":
            assert torch.equal(own.all(1), own.any(1))
        shares.append(own.float().mean())
    assert shares[0] == 0
    assert shares[1:] == [pytest.approx(0.375, abs=0.15), pytest.approx(0.75, abs=0.15)]
    model.eval()
    assert torch.equal(model._written(batch, batch.target[:, :-1])[1], batch.target[:, :-1])
    assert "progress" not in model.state_dict()


def test_sampled_steps_are_the_forced_ones_where_the_truth_is_read():
    for options in ({}, {"attention": "luong"}, {"alignment": "coverage"}, {"copy": True}):
        model = made(options, teacher_forcing=0.5)
        batch = encoding(options).batch(pairs("abcd", "e☃d"))
        tokens = batch.target[:, :-1]
        true = torch.zeros_like(tokens, dtype=torch.bool)
        steps, read = model._sampled(batch.source, batch, tokens, true)
        assert torch.equal(read, tokens)
        whole, _ = model._written(batch, tokens)
        torch.testing.assert_close(steps.features, whole.features, atol=1e-5, rtol=1e-4)


def test_terms_of_training_are_of_training_alone():
    batch = encoding({}).batch(pairs("abcd", "ed"))
    plain = made({"alignment": "coverage"}, coverage_weight=0.0)
    weighed = made({"alignment": "coverage"}, coverage_weight=2.0)
    assert weighed.loss(batch).total > plain.loss(batch).total + 0.1
    smooth = made({}, label_smoothing=0.2)
    assert not torch.equal(smooth.loss(batch).total, made({}).loss(batch).total)
    for model, same in ((weighed, plain), (smooth, made({}))):
        torch.testing.assert_close(model.eval().loss(batch).total, same.eval().loss(batch).total)


def _places(model, of_steps):
    """Hard attention looks where it is told, step by step."""
    attention, steps = model.network.decoder.attention, iter(of_steps)

    def place(alpha):
        return torch.nn.functional.one_hot(next(steps), alpha.shape[-1]).to(alpha)[:, None]

    attention._place = place


def test_reinforce_has_on_average_the_gradient_of_the_mean_over_all_places():
    """Every choice of places is made, and weighed by its probability; what is expected of the
    loss's gradient is the gradient of the expected nats, whatever the baseline."""
    model = made({"alignment": "hard"}, hidden=3, embedding=2).double()
    attention = model.network.decoder.attention
    attention.expectation = attention.entropy_weight = 0.0
    batch = encoding({}).batch(pairs("ab"))
    batch = batch._replace(target=batch.target[:, :3], target_lengths=torch.tensor([3]))
    parameters = list(model.parameters())
    mean, estimated = 0.0, [torch.zeros_like(p) for p in parameters]
    for places in product(range(2), repeat=2):
        chosen = [torch.tensor([place]) for place in places]
        _places(model, chosen)
        tokens = batch.target[:, :-1]
        written = model.network.whole(batch.source, batch.source_lengths, tokens)
        p = written.chance.log_prob.sum().exp()
        mean = mean + p * model._nats(batch, written, tokens, torch.arange(2)).sum()
        _places(model, chosen)
        attention.baseline.fill_(-3.7)
        found = torch.autograd.grad(model.loss(batch).total, parameters)
        for sum_, gradient in zip(estimated, found, strict=True):
            sum_ += p.detach() * gradient
    exact_ones = torch.autograd.grad(mean, parameters)
    for one, other in zip(estimated, exact_ones, strict=True):
        torch.testing.assert_close(one, other)


def test_reinforce_is_a_term_of_the_loss():
    batch = encoding({}).batch(pairs("abcd", "edf", "bc"))
    model = made({"alignment": "hard"})
    attention = model.network.decoder.attention
    attention.expectation = 0.0  # every place is drawn
    model.loss(batch).total.backward()
    score = attention.score.key.weight
    assert attention.baseline < 0
    assert score.grad.any()  # by REINFORCE alone: a drawn place passes no gradient to the score
    attention.reward_weight = attention.entropy_weight = 0.0
    score.grad = None
    model.loss(batch).total.backward()
    assert not score.grad.any()


def test_attention_none_has_the_size_of_bahdanau_but_for_its_attention():
    def shapes(options):
        return {name: p.shape for name, p in made(options).named_parameters()}

    with_attention, without = shapes({}), shapes({"attention": "none"})
    more = with_attention.keys() - without.keys()
    assert all(name.startswith("network.decoder.attention.") for name in more)
    assert len(more) == 3
    assert {name: with_attention[name] for name in without} == without


@torch.no_grad()
def test_a_cache_that_is_full_grows():
    model = made(CONFIGS["transformer"]).eval()
    batch = encoding({}).batch([Pair("a", "abcdef" * 6)])
    chosen, _ = stepped(model, batch)  # room for 17 tokens, and 37 are written
    torch.testing.assert_close(-chosen.sum(), model.loss(batch).total, atol=1e-3, rtol=1e-4)
