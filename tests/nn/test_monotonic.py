"""Monotonic attention against plain loops of Raffel et al. 2017, and what is wrong with its usual
parallel form (trap 4)."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import RangeError, ShapeError
from regard.nn.monotonic import (
    MonotonicAttention,
    MonotonicState,
    monotonic_alignment,
    monotonic_alignments,
)

F64 = torch.float64


def walked(step, choose):
    """All steps of (T, K) by a function of one step, from the first key."""
    if step is monotonic_alignment:
        return monotonic_alignments(choose)
    now = torch.zeros_like(choose[0])
    now[0] = 1.0
    rows = []
    for row in choose:
        now = step(row, now)
        rows.append(now)
    return torch.stack(rows)


def plain(choose, gradient):
    """Eq. 13–14 in loops of numbers, and backwards by the chain rule: α and dL/dp, for a loss whose
    gradient at α_tj is ``gradient[t][j]``."""
    steps, keys = len(choose), len(choose[0])
    reached, alpha = [], []
    before = [1.0] + [0.0] * (keys - 1)
    for t in range(steps):
        q, row, last, p_last = [], [], 0.0, 0.0
        for j in range(keys):
            last = (1.0 - p_last) * last + before[j]
            p_last = choose[t][j]
            q.append(last)
            row.append(p_last * last)
        reached.append(q)
        alpha.append(row)
        before = row
    slopes = [[0.0] * keys for _ in range(steps)]
    later = [0.0] * keys  # dL/dα_tj through the steps after t
    for t in reversed(range(steps)):
        next_later, d_q_next = [0.0] * keys, 0.0
        for j in reversed(range(keys)):
            d_alpha = gradient[t][j] + later[j]
            p, q = choose[t][j], reached[t][j]
            slopes[t][j] = d_alpha * q - d_q_next * q
            d_q_next = d_alpha * p + d_q_next * (1.0 - p)
            next_later[j] = d_q_next
        later = next_later
    return np.array(alpha), np.array(slopes)


def paper_parallel(choose, previous):
    """App. C.1 as public code has it (TensorFlow Addons): it clips what it divides by."""
    passed = torch.cumprod(torch.cat([torch.ones(1, dtype=choose.dtype), 1 - choose[:-1]]), 0)
    return choose * passed * torch.cumsum(previous / passed.clamp(1e-10, 1.0), 0)


def paper_parallel_unclipped(choose, previous):
    passed = torch.cumprod(torch.cat([torch.ones(1, dtype=choose.dtype), 1 - choose[:-1]]), 0)
    return choose * passed * torch.cumsum(previous / passed, 0)


STEPS = KEYS = 1000


@pytest.fixture(scope="module")
def thousand():
    """p = ½, a random loss, and what the plain loop makes of them."""
    choose = torch.full((STEPS, KEYS), 0.5, dtype=F64)
    weight = torch.rand(STEPS, KEYS, dtype=F64, generator=torch.Generator().manual_seed(0))
    return choose, weight, *plain(choose.tolist(), weight.tolist())


def check_thousand(step, thousand, dtype=F64):
    choose, weight, alpha, slopes = thousand
    choose = choose.to(dtype, copy=True).requires_grad_()
    found = walked(step, choose)
    (found * weight.to(dtype)).sum().backward()
    np.testing.assert_allclose(found.detach().numpy(), alpha, atol=1e-5, rtol=0)
    # A slope is the difference of what stopping and going on lead to: up to 500 here, which float32
    # does not know to 1e-5.
    rounding = 2 * torch.finfo(dtype).eps * weight.sum(-1).max().item()
    np.testing.assert_allclose(choose.grad.numpy(), slopes, atol=max(1e-5, rounding), rtol=0)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_a_thousand_steps_over_a_thousand_keys(thousand, dtype):
    check_thousand(monotonic_alignment, thousand, dtype)


def test_no_mass_is_lost_but_past_the_end(thousand):
    mass = walked(monotonic_alignment, thousand[0]).sum(-1)
    # The walk needs two tries a stop: after t stops it has used 2t keys, give or take √(2t).
    binomial = [
        sum(math.comb(999 + t, k) for k in range(t, 1000 + t)) / 2 ** (999 + t)
        for t in (1, 450, 1000)
    ]
    torch.testing.assert_close(mass[[0, 449, 999]], torch.tensor(binomial, dtype=F64))
    assert abs(mass[499] - 1) < 1e-5
    assert abs(mass[999] - 0.5) < 1e-5


@pytest.mark.parametrize("wrong", [paper_parallel, paper_parallel_unclipped])
def test_the_check_fails_on_the_parallel_form(thousand, wrong):
    with pytest.raises(AssertionError):
        check_thousand(wrong, thousand)


def test_what_is_wrong_with_the_parallel_form():
    half = torch.full((1, 1000), 0.5, dtype=F64)
    start = torch.zeros(1000, dtype=F64)
    start[500] = 1.0
    assert monotonic_alignment(half[0], start).sum() == 1.0
    assert paper_parallel(half[0], start).sum() < 1e-100
    certain = torch.tensor([0.5, 1.0, 0.5, 0.5], dtype=F64, requires_grad=True)
    start = torch.full((4,), 0.25, dtype=F64)
    paper_parallel_unclipped(certain, start).sum().backward()
    assert certain.grad.isnan().any()
    certain.grad = None
    monotonic_alignment(certain, start).square().sum().backward()
    assert certain.grad.isfinite().all()


@given(steps=st.integers(1, 6), keys=st.integers(1, 9), sure=st.booleans(), seed=st.integers(0, 99))
def test_equals_the_loop(steps, keys, sure, seed):
    generator = torch.Generator().manual_seed(seed)
    choose = torch.rand(steps, keys, dtype=F64, generator=generator)
    if sure:  # p of exactly 0 and 1 among the others
        choose = (choose * 3 - 1).clamp(0, 1)
    weight = torch.randn(steps, keys, dtype=F64, generator=generator)
    alpha, slopes = plain(choose.tolist(), weight.tolist())
    choose.requires_grad_()
    found = walked(monotonic_alignment, choose)
    (found * weight).sum().backward()
    np.testing.assert_allclose(found.detach().numpy(), alpha, atol=1e-12)
    np.testing.assert_allclose(choose.grad.numpy(), slopes, atol=1e-12)


def test_gradients_of_the_gradient_and_of_the_step_before():
    choose, before = (torch.rand(2, 5, dtype=F64, requires_grad=True) for _ in "pα")
    assert torch.autograd.gradcheck(monotonic_alignment, (choose, before))
    assert torch.autograd.gradgradcheck(monotonic_alignment, (choose, before))
    rows = torch.func.vmap(monotonic_alignment)(choose, before)
    torch.testing.assert_close(rows, monotonic_alignment(choose, before))


def energies(layer, query, key):
    score = layer.score
    w, u, b, v = (
        x.detach().numpy() for x in (score.query.weight, score.key.weight, score.bias, score.weight)
    )
    g, r = score.gain.item(), score.offset.item()
    return [
        [g * (v / np.sqrt(v @ v)) @ np.tanh(w @ s + u @ h + b) + r for h in key.numpy()]
        for s in query.numpy()
    ]


LENGTHS = [9, 4, 1]


def example(**options):
    layer = MonotonicAttention(3, 4, features=5, noise=0.0, **options).double()
    torch.nn.init.constant_(layer.score.gain, 4.0)
    query, key = torch.randn(3, 6, 3, dtype=F64), torch.randn(3, 9, 4, dtype=F64)
    contexts, weights = layer(query, key, lengths=torch.tensor(LENGTHS), return_weights=True)
    return layer, query, key, contexts, weights


def test_the_layer_equals_plain_loops_in_expectation():
    layer, query, key, contexts, weights = example()
    for b, n in enumerate(LENGTHS):
        energy = np.array(energies(layer, query[b], key[b, :n]))
        choose = 1 / (1 + np.exp(-energy))
        alpha = torch.from_numpy(plain(choose.tolist(), np.zeros_like(choose).tolist())[0])
        torch.testing.assert_close(weights[b, :, :n], alpha, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], alpha @ key[b, :n], atol=1e-12, rtol=0)


def test_the_layer_walks_where_it_is_hard():
    layer, query, key, contexts, weights = example(hard=True, offset=-1.5)
    ends = 0
    for b, n in enumerate(LENGTHS):
        at = 0
        for t, row in enumerate(energies(layer, query[b], key[b, :n])):
            while at < n and not 1 / (1 + math.exp(-row[at])) > 0.5:
                at += 1
            ends += at == n
            expected = torch.zeros(9, dtype=F64)
            if at < n:
                expected[at] = 1.0
            assert torch.equal(weights[b, t], expected)
            assert torch.equal(contexts[b, t], key[b, at] if at < n else torch.zeros(4, dtype=F64))
    assert 0 < ends < 18  # the example has walks that find a key and walks that leave the source


def test_hard_in_evaluation_alone_and_noise_in_training_alone():
    layer = MonotonicAttention(3, noise=1.0)
    query, key = torch.randn(2, 4, 3), torch.randn(2, 6, 3)
    one, two = (layer(query, key, return_weights=True)[1] for _ in range(2))
    assert not torch.equal(one, two)
    layer.eval()
    one, two = (layer(query, key, return_weights=True)[1] for _ in range(2))
    assert torch.equal(one, two)
    assert set(one.unique().tolist()) <= {0.0, 1.0}
    layer.hard = False
    soft = layer(query, key, return_weights=True)[1]
    layer.train()
    layer.noise = 0.0
    assert torch.equal(layer(query, key, return_weights=True)[1], soft)


def test_the_noise_has_the_deviation_asked_for():
    layer = MonotonicAttention(1, noise=2.0).double()
    torch.nn.init.zeros_(layer.score.gain)
    source, state = layer.begin(torch.zeros(2000, 1, 1, dtype=F64))
    weights = layer.step(torch.zeros(2000, 1, dtype=F64), source, state).weights
    drawn = weights.logit() - layer.score.offset
    assert abs(drawn.mean()) < 0.2
    assert abs(drawn.std() - 2.0) < 0.15


def test_begins_as_the_paper_says():
    layer = MonotonicAttention(4, 6, features=16)
    assert layer.score.offset.item() == -1.0
    assert layer.score.gain.item() == 0.25
    source, state = layer.begin(torch.zeros(2, 3, 6))
    assert isinstance(state, MonotonicState)
    assert state.weights.tolist() == [[1.0, 0.0, 0.0]] * 2
    assert source.key.shape == (2, 3, 16)


def test_refuses():
    with pytest.raises(ShapeError, match=r"same shape \(\*batch, K\), and got \(2, 3\) and \(3,\)"):
        monotonic_alignment(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ShapeError, match=r"wants choose \(\*batch, T, K\), and got \(3,\)"):
        monotonic_alignments(torch.zeros(3))
    for noise in (-1.0, math.nan, math.inf):
        with pytest.raises(
            RangeError, match="noise is a standard deviation, ≥ 0 and finite, and it"
        ):
            MonotonicAttention(3, noise=noise)
