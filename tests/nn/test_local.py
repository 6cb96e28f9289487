"""Local attention against plain loops of Luong, Pham, Manning 2015, §3.2."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import KindError, RangeError, ShapeError
from regard.nn import local
from regard.nn.local import LocalAttention
from regard.normalizers import Gumbel

F64 = torch.float64
SCORES = ("general", "dot", "concat", "cosine")


def raw(layer, name, q, k):
    if name == "general":
        return q @ layer.score.weight @ k
    if name == "dot":
        return q @ k
    if name == "cosine":
        return q @ k / (q.norm() * k.norm())
    return layer.score.weight @ torch.tanh(
        layer.score.query.weight @ q + layer.score.key.weight @ k
    )


def plain(layer, name, query, key, length, positions=None):
    """One row in loops: contexts (T, F) and weights (T, K)."""
    size, window = len(key), layer.window
    contexts, rows = [], []
    for t, h in enumerate(query):
        p = float(t if positions is None else positions[t])
        if layer.predictive:
            p = length * torch.sigmoid(layer.place.weight[0] @ torch.tanh(layer.predict.weight @ h))
            p = p.item()
        seen = [s for s in range(length) if p - window <= s <= p + window]
        row = torch.zeros(size, dtype=F64)
        if seen:
            align = torch.stack([raw(layer, name, h, key[s]) for s in seen]).softmax(0)
            for weight, s in zip(align, seen, strict=True):
                sigma = window / 2
                near = math.exp(-((s - p) ** 2) / (2 * sigma**2)) if layer.predictive else 1.0
                row[s] = weight * near
        contexts.append(row @ key)
        rows.append(row)
    return torch.stack(contexts), torch.stack(rows)


def made(name="general", *, window=2, predictive=True, steps=7, size=9, batch=4):
    torch.manual_seed(window + steps)
    width = 3 if name in ("dot", "cosine") else 4
    features = {"features": 5} if name == "concat" else {}
    layer = LocalAttention(
        3, width, window=window, predictive=predictive, score=name, **features
    ).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(3)  # centers all over the source
    query = torch.randn(batch, steps, 3, dtype=F64, requires_grad=True)
    key = torch.randn(batch, size, width, dtype=F64, requires_grad=True)
    return layer, query, key


LENGTHS = torch.tensor([9, 4, 0, 1])


@pytest.mark.parametrize("predictive", [True, False])
@pytest.mark.parametrize("name", SCORES)
def test_equals_plain_loops(name, predictive):
    layer, query, key = made(name, predictive=predictive)
    contexts, weights = layer(query, key, lengths=LENGTHS, return_weights=True)
    for b, n in enumerate(LENGTHS.tolist()):
        context, rows = plain(layer, name, query[b], key[b], n)
        torch.testing.assert_close(weights[b], rows, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], context, atol=1e-12, rtol=0)
    assert torch.equal(layer(query, key, lengths=LENGTHS), contexts)


@settings(deadline=None, max_examples=30)
@given(
    window=st.integers(1, 6),
    steps=st.integers(0, 6),
    size=st.integers(0, 8),
    predictive=st.booleans(),
    gathered=st.sampled_from([1, 40, 2**20]),
    data=st.data(),
)
def test_equals_plain_loops_at_any_size_in_any_blocks(
    window, steps, size, predictive, gathered, data
):
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, size), min_size=2, max_size=2)))
    layer, query, key = made(window=window, predictive=predictive, steps=steps, size=size, batch=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "GATHERED", gathered)
        contexts, weights = layer(query, key, lengths=lengths, return_weights=True)
        contexts.sum().backward()
    assert contexts.shape == (2, steps, 4)
    assert weights.shape == (2, steps, size)
    for b, n in enumerate(lengths.tolist() if steps else []):
        context, rows = plain(layer, "general", query[b], key[b], n)
        torch.testing.assert_close(weights[b], rows, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], context, atol=1e-12, rtol=0)


@pytest.mark.parametrize("predictive", [True, False])
@pytest.mark.parametrize("gathered", [1, 2**20])
@pytest.mark.parametrize("name", ["general", "concat"])
def test_gradcheck(name, predictive, gathered, monkeypatch):
    monkeypatch.setattr(local, "GATHERED", gathered)
    layer, query, key = made(name, window=1, predictive=predictive, steps=2, size=4, batch=3)
    value = torch.randn(3, 4, 1, dtype=F64, requires_grad=True)
    lengths = torch.tensor([4, 2, 0])

    def run(query, key, value, *_):
        return layer(query, key, value, lengths=lengths, return_weights=True)

    assert torch.autograd.gradcheck(run, (query, key, value, *layer.parameters()))


def test_gradients_reach_the_centers():
    layer, query, key = made()
    layer(query, key, lengths=LENGTHS).square().sum().backward()
    assert layer.place.weight.grad.abs().max() > 1e-3
    assert layer.predict.weight.grad.abs().max() > 1e-3


def test_the_gaussian_is_not_renormalised_and_the_window_is_that_of_the_softmax():
    """Three keys alike, D = 1, p = 1.5: the window is 1 and 2, half a σ each from p."""
    layer = LocalAttention(2, window=1, score="dot").double()
    torch.nn.init.zeros_(layer.place.weight)
    query = torch.zeros(1, 1, 2, dtype=F64)
    _, weights = layer(query, torch.ones(1, 3, 2, dtype=F64), return_weights=True)
    half = 0.5 * math.exp(-(0.5**2) / (2 * 0.5**2))
    torch.testing.assert_close(weights[0, 0], torch.tensor([0.0, half, half], dtype=F64))


@pytest.mark.parametrize("predictive", [True, False])
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_step_by_step_is_forward_and_projects_once(predictive, dtype):
    layer, query, key = made("concat", predictive=predictive)
    layer, query, key = layer.to(dtype), query.to(dtype), key.to(dtype)
    whole, weights = layer(query, key, lengths=LENGTHS, return_weights=True)
    calls = []
    layer.score.key.register_forward_hook(lambda *_: calls.append(1))
    source = layer.begin(key, lengths=LENGTHS)
    for t in range(query.shape[1]):
        at = torch.full((4, 1), t) if t % 2 else torch.tensor([t])
        options = {} if predictive else {"positions": at}
        one, row = layer.read(query[:, t : t + 1], source, **options, return_weights=True)
        tolerance = 1e-6 if dtype == F64 else 1e-5
        torch.testing.assert_close(one[:, 0], whole[:, t], atol=tolerance, rtol=0)
        torch.testing.assert_close(row[:, 0], weights[:, t], atol=tolerance, rtol=0)
    assert len(calls) == 1


@pytest.mark.parametrize("predictive", [True, False])
@pytest.mark.parametrize("name", ["general", "cosine"])
def test_padding_may_hold_anything(name, predictive):
    layer, query, key = made(name, predictive=predictive)
    value = torch.randn(4, 9, 2, dtype=F64, requires_grad=True)
    padded = (torch.arange(9) >= LENGTHS[:, None])[..., None]

    def run(poison):
        bad = [x.detach().masked_fill(padded, poison).requires_grad_() for x in (key, value)]
        output = layer(query, *bad, lengths=LENGTHS)
        wanted = (query, *bad, *layer.parameters())
        return output, *torch.autograd.grad(output.square().sum(), wanted)

    plain_run = run(0.0)
    assert not plain_run[0][2].any()
    assert all(x.isfinite().all() for x in plain_run)
    for poison in (math.nan, math.inf, 1e30):
        assert all(torch.equal(x, y) for x, y in zip(run(poison), plain_run, strict=True))


@pytest.mark.parametrize("predictive", [True, False])
def test_a_row_is_what_it_is_alone_without_its_padding(predictive):
    layer, query, key = made(predictive=predictive)
    whole = layer(query, key, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        alone = layer(query[b : b + 1], key[b : b + 1, :n])
        torch.testing.assert_close(alone[0], whole[b], atol=1e-12, rtol=0)
    wrong = layer(query, key, lengths=LENGTHS.flip(0))
    assert (wrong - whole).abs().max() > 1e-3


def test_other_normalizers_and_a_score_of_the_users():
    layer = LocalAttention(
        3, window=3, score=lambda q, k: -(q[..., :, None, :] - k[..., None, :, :]).abs().sum(-1)
    )
    layer.normalizer = lambda scores, allowed: (scores.exp() * allowed).clamp(max=1.0)
    query, key = torch.randn(2, 4, 3), torch.randn(2, 8, 3)
    output, weights = layer(query, key, return_weights=True)
    torch.testing.assert_close(output, weights @ key)
    sparse = LocalAttention(3, window=3, score="dot", normalizer="sparsemax")
    weights = sparse(10 * query, key, return_weights=True)[1]
    assert ((weights > 0).sum(-1) < 7).all()
    assert LocalAttention(3).bfloat16()(query.bfloat16(), key.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("gathered", [1, 2**20])
def test_positions_of_each_row(gathered, monkeypatch):
    """Windows that stand where each row says, before the source and behind it too."""
    monkeypatch.setattr(local, "GATHERED", gathered)
    layer, query, key = made("concat", predictive=False)
    positions = torch.randint(-4, 13, (4, 7))
    contexts, weights = layer(query, key, lengths=LENGTHS, positions=positions, return_weights=True)
    for b, n in enumerate(LENGTHS.tolist()):
        context, rows = plain(layer, "concat", query[b], key[b], n, positions[b])
        torch.testing.assert_close(weights[b], rows, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], context, atol=1e-12, rtol=0)
    contexts.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_a_step_costs_its_windows_wherever_the_rows_of_the_batch_stand():
    seen = []

    def score(q, k):
        seen.append(k.shape[-2])
        return q @ k.mT

    layer = LocalAttention(3, window=2, predictive=False, score=score)
    source = layer.begin(torch.randn(2, 5000, 3))
    layer.read(torch.randn(2, 1, 3), source, positions=torch.tensor([[5], [4900]]))
    assert max(seen) == 5


def test_a_normalizer_that_draws_draws_the_same_in_the_backward_pass(monkeypatch):
    monkeypatch.setattr(local, "GATHERED", 1)
    layer, query, key = made()
    layer.normalizer = Gumbel()
    value = torch.randn(4, 9, 1, dtype=F64, requires_grad=True)
    contexts, weights = layer(query, key, value, return_weights=True)
    contexts.sum().backward()
    torch.testing.assert_close(value.grad[..., 0], weights.sum(1))


MEMORY = """
import resource, torch
from regard.nn.local import LocalAttention
torch.set_num_threads(1)
layer = LocalAttention(32, window=10, score="concat")
def peak(n):
    x = torch.randn(1, n, 32, requires_grad=True)
    layer(x, x).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak(2000)
print(peak(20000) - before)
"""


def test_memory_is_that_of_the_source():
    """20,000 windows of 21 keys with 64 features in all hold 103 MiB, and what tanh makes of them
    more than once again; blocks hold a few MiB."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80


def test_refuses():
    with pytest.raises(RangeError, match="window is how many keys to each side, ≥ 1, and it is 0"):
        LocalAttention(3, window=0)
    with pytest.raises(RangeError, match=r"it is 2\.5"):
        LocalAttention(3, window=2.5)
    with pytest.raises(KindError, match="the location score has a weight for each place"):
        LocalAttention(3, score="location")
    layer = LocalAttention(3, 4)
    with pytest.raises(ShapeError, match=r"query \(B, T, E\) of 3 features, and got \(2, 3\)"):
        layer(torch.zeros(2, 3), torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match=r"key \(B, K, F\) of 4 features, and got \(2, 5, 3\)"):
        layer(torch.zeros(2, 1, 3), torch.zeros(2, 5, 3))
    with pytest.raises(ShapeError, match="query has 1 rows in its batch, and what is read has 2"):
        layer(torch.zeros(1, 1, 3), torch.zeros(2, 5, 4))
    with pytest.raises(KindError, match="the bilinear score has no use for features"):
        LocalAttention(8, score="general", features=5)
    query, key = torch.zeros(2, 3, 3), torch.zeros(2, 5, 4)
    with pytest.raises(KindError, match="positions say where the windows of local-m stand"):
        layer(query, key, positions=torch.arange(3))
    moving = LocalAttention(3, 4, predictive=False)
    with pytest.raises(KindError, match=r"whole numbers of steps, and they are torch\.float32"):
        moving(query, key, positions=torch.zeros(3))
    with pytest.raises(ShapeError, match=r"\(T,\) or \(B, T\) = \(2, 3\), and they are \(3, 3\)"):
        moving(query, key, positions=torch.zeros(3, 3, dtype=torch.long))
