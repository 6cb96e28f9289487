"""Hard attention: its estimator against the exact gradient by enumeration, and the laws."""

import itertools
import math

import pytest
import torch

from regard import masks
from regard.errors import KindError, RangeError, ShapeError
from regard.nn.hard import HardAttention

F64 = torch.float64
LENGTHS = torch.tensor([5, 3, 0, 1])


def made(**options):
    layer = HardAttention(2, 3, features=4, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(3)
    query, key, value = (
        torch.randn(4, n, width, dtype=F64, requires_grad=True)
        for n, width in ((3, 2), (5, 3), (5, 2))
    )
    return layer, query, key, value


def likelihood(context):
    """log p(y | s̃) of a toy, far from 0, that depends on both looks together: (B, 2, 1) → (B,)."""
    first, second = context[:, 0, 0], context[:, 1, 0]
    return -4.0 - (first - 1.0).square() + first * second


@pytest.fixture(scope="module")
def toy():
    """A layer whose scores are its key's features, two queries, three keys, and what is exact."""
    torch.manual_seed(3)
    layer = HardAttention(3, score="dot", expectation=0.0, entropy_weight=0.0).double()
    query = torch.eye(3, dtype=F64)[None, :2]
    key = torch.randn(1, 3, 3, dtype=F64, requires_grad=True)
    value = torch.tensor([[[0.0], [1.0], [3.0]]], dtype=F64)
    alpha = (query @ key.mT).softmax(-1)[0]
    exact = sum(
        alpha[0, i] * alpha[1, j] * likelihood(value[:, [i, j]])[0]
        for i, j in itertools.product(range(3), repeat=2)
    )
    mean = likelihood((alpha @ value[0])[None])[0]
    slopes = [torch.autograd.grad(x, key, retain_graph=True)[0] for x in (exact, mean)]
    return layer, query, key, value, *slopes


def estimates(toy, baseline, expected=False, batches=40, rows=1000):
    """Estimates (batches, K, E) of the gradient of the expected log p(y | s̃), by the loss."""
    layer, query, key, value, *_ = toy
    found = []
    for _ in range(batches):
        layer.baseline = torch.tensor(baseline, dtype=F64)
        coin = torch.full((rows,), expected)
        many = (x.expand(rows, -1, -1) for x in (query, key, value))
        look = layer(*many, expected=coin)
        log_likelihood = likelihood(look.context)
        term = layer.loss(log_likelihood, look.log_prob, look.entropy)
        found.append(torch.autograd.grad((log_likelihood - term).mean(), key)[0][0])
    return torch.stack(found)


def agrees(found, exact):
    error = found.std(0) / math.sqrt(len(found))
    return bool(((found.mean(0) - exact[0]).abs() < 4.5 * error + 1e-12).all())


@pytest.mark.parametrize("baseline", [0.0, -4.0, 7.0])
def test_the_estimator_is_the_exact_gradient_whatever_the_baseline(toy, baseline):
    exact = toy[4]
    found = estimates(toy, baseline)
    assert agrees(found, exact)
    assert not agrees(found, 1.4 * exact)  # the check is sharp enough to notice 40%
    assert not agrees(found, toy[5])  # and to tell it from the gradient of soft attention


def test_the_baseline_lowers_the_variance(toy):
    spread = {b: estimates(toy, b, batches=20).var(0).sum().item() for b in (0.0, -4.0)}
    assert spread[-4.0] < 0.5 * spread[0.0]


def test_over_all_outcomes_the_estimator_is_the_gradient_to_the_last_digit(toy):
    """And a baseline in which the sample is, as the formula of b read literally has it, is not."""
    layer, query, key, value, exact, _ = toy
    logs = (query @ key.mT).log_softmax(-1)[0]
    pairs = list(itertools.product(range(3), repeat=2))
    log_prob = torch.stack([logs[0, i] + logs[1, j] for i, j in pairs])
    rewards = torch.cat([likelihood(value[:, pair]) for pair in pairs])
    layer.baseline = torch.tensor(-4.0, dtype=F64)
    term = layer.loss(rewards, log_prob, torch.zeros_like(log_prob))
    chance = log_prob.detach().exp()

    def gradient(of):
        return torch.autograd.grad((chance * of).sum(), key, retain_graph=True)[0]

    torch.testing.assert_close(gradient(-term), exact)
    literal = (rewards - (0.9 * -4.0 + 0.1 * rewards)) * log_prob
    torch.testing.assert_close(gradient(literal), 0.9 * exact)


def test_a_row_that_takes_the_expectation_is_soft_attention(toy):
    found = estimates(toy, 5.0, expected=True, batches=1, rows=7)
    torch.testing.assert_close(found[0], toy[5][0], atol=1e-12, rtol=0)


def test_samples_are_as_likely_as_the_weights_say():
    layer, *_ = made()
    alpha = torch.tensor([0.1, 0.0, 0.6, 0.3, 0.0], dtype=F64)
    places = layer._place(alpha.expand(1, 40_000, 5)).mean(1)[0]
    assert (places - alpha).abs().max() < 0.012
    assert not places[alpha == 0].any()


def test_log_prob_and_entropy_by_hand():
    layer, query, key, value = made()
    look = layer(query, key, value, lengths=LENGTHS, expected=torch.zeros(4, dtype=torch.bool))
    for b, n in enumerate(LENGTHS.tolist()):
        for i in range(3):
            alpha, one = look.weights[b, i], look.sample[b, i]
            if not n:
                assert not one.any()
                assert look.log_prob[b, i] == look.entropy[b, i] == 0
                continue
            place = one.argmax().item()
            assert place < n
            assert one.sum() == 1
            assert torch.equal(look.context[b, i], value[b, place])
            assert abs(look.log_prob[b, i] - alpha[place].log()) < 1e-12
            entropy = -sum(p * math.log(p) for p in alpha[:n].tolist())
            assert abs(look.entropy[b, i] - entropy) < 1e-12


def test_the_loss_by_hand_and_the_baseline():
    layer = HardAttention(2, reward_weight=0.5, entropy_weight=0.1).double()
    layer.baseline.fill_(-3.0)
    likelihood = torch.tensor([-1.0, -5.0], dtype=F64, requires_grad=True)
    log_prob = torch.tensor([[-0.1, -0.2], [-0.3, -0.4]], dtype=F64)
    entropy = torch.tensor([1.0, 2.0], dtype=F64)
    term = layer.loss(likelihood, log_prob, entropy)
    expected = [-0.5 * 2.0 * -0.3 - 0.1, -0.5 * -2.0 * -0.7 - 0.2]
    torch.testing.assert_close(term, torch.tensor(expected, dtype=F64))
    assert not term.requires_grad  # nothing of it moves the likelihood
    assert abs(layer.baseline - (0.9 * -3.0 + 0.1 * -3.0)) < 1e-12
    layer.loss(torch.tensor([-13.0], dtype=F64), log_prob[:1], entropy[:1])
    assert abs(layer.baseline - (0.9 * -3.0 + 0.1 * -13.0)) < 1e-12
    assert "baseline" in layer.state_dict()
    before = layer.baseline.clone()
    layer.eval().loss(likelihood, log_prob, entropy)
    assert torch.equal(layer.baseline, before)


def test_evaluation_takes_the_likeliest():
    layer, query, key, value = made()
    look = layer.eval()(query, key, value, lengths=LENGTHS)
    assert not look.expected.any()
    for b, n in enumerate(LENGTHS.tolist()):
        for i in range(3 if n else 0):
            assert torch.equal(look.context[b, i], value[b, look.weights[b, i].argmax()])


def test_coins_fall_per_row_and_can_be_kept():
    layer, *_ = made()
    source = layer.begin(torch.zeros(2000, 1, 3, dtype=F64))
    coins = layer.coins(source)
    assert 900 < coins.sum() < 1100
    query = torch.zeros(2000, 1, 2, dtype=F64)
    assert torch.equal(layer.read(query, source, expected=coins).expected, coins)
    assert not layer.eval().coins(source).any()


@pytest.mark.parametrize("expected", [True, False])
def test_gradcheck(expected):
    layer, query, key, value = made()
    coin = torch.full((4,), expected)

    def run(query, key, value, *_):
        torch.manual_seed(5)
        look = layer(query, key, value, lengths=LENGTHS, expected=coin)
        return look.context, look.entropy, look.weights

    assert torch.autograd.gradcheck(run, (query, key, value, *layer.parameters()))


def test_padding_may_hold_anything_and_rows_of_nothing_are_zeros():
    layer, query, key, value = made()
    padded = (torch.arange(5) >= LENGTHS[:, None])[..., None]
    coin = torch.tensor([True, False, True, False])

    def run(poison):
        torch.manual_seed(7)
        bad = [x.detach().masked_fill(padded, poison).requires_grad_() for x in (key, value)]
        look = layer(query, *bad, lengths=LENGTHS, expected=coin)
        total = look.context.square().sum() + look.log_prob.sum() + look.entropy.sum()
        wanted = (query, *bad, *layer.parameters())
        return *look, *torch.autograd.grad(total, wanted)

    plain = run(0.0)
    assert not plain[0][2].any()
    assert all(x.isfinite().all() for x in plain)
    for poison in (math.nan, math.inf, 1e30):
        assert all(torch.equal(x, y) for x, y in zip(run(poison), plain, strict=True))


def test_a_mask_besides_the_lengths():
    layer, query, key, value = made()
    hidden = value.detach().clone()
    hidden[:, 4] = math.nan
    look = layer(query, key, hidden, mask=masks.window(1, 1, align="start"))
    assert look.context.isfinite().all()
    assert not look.sample[:, 0, 2:].any()


def test_a_row_is_what_it_is_alone_without_its_padding():
    layer, query, key, value = made()
    layer.eval()
    whole = layer(query, key, value, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        alone = layer(query[b : b + 1], key[b : b + 1, :n], value[b : b + 1, :n])
        torch.testing.assert_close(alone.context[0], whole.context[b])
        torch.testing.assert_close(alone.weights[0], whole.weights[b, :, :n])
        torch.testing.assert_close(alone.log_prob[0], whole.log_prob[b])


def test_step_by_step_is_forward_and_projects_once():
    layer, query, key, value = made()
    layer.eval()
    whole = layer(query, key, value, lengths=LENGTHS)
    calls = []
    layer.score.key.register_forward_hook(lambda *_: calls.append(1))
    source = layer.begin(key, value, LENGTHS)
    for t in range(3):
        look = layer.read(query[:, t : t + 1], source)
        torch.testing.assert_close(look.context[:, 0], whole.context[:, t], atol=1e-6, rtol=0)
        torch.testing.assert_close(look.entropy[:, 0], whole.entropy[:, t], atol=1e-6, rtol=0)
    assert len(calls) == 1


def test_halves():
    layer = HardAttention(4).bfloat16()
    look = layer(torch.randn(2, 3, 4).bfloat16(), torch.randn(2, 5, 4).bfloat16())
    assert look.context.dtype == torch.bfloat16


def test_refuses():
    with pytest.raises(RangeError, match="expectation is a probability, 0 ≤ p ≤ 1, and it is 2"):
        HardAttention(3, expectation=2)
    layer, query, key, value = made()
    with pytest.raises(KindError, match=r"one boolean per row of the batch, \(4,\), and it is"):
        layer(query, key, value, expected=torch.zeros(3, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"log_likelihood \(B,\), .* got \(4, 1\), \(4,\), \(4,\)"):
        layer.loss(torch.zeros(4, 1), torch.zeros(4), torch.zeros(4))
    with pytest.raises(ShapeError, match=r"key \(B, K, F\) of 3 features"):
        layer(query, query)
