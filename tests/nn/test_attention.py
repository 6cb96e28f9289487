"""``nn.Attention``: each score as its paper writes it, against plain loops."""

import math

import pytest
import torch

from regard import masks, scores
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import Attention, LearnedScore

FORMULAS = {
    "bahdanau": lambda s, q, k, j: s.weight @ torch.tanh(s.query.weight @ q + s.key.weight @ k),
    "normalized_additive": lambda s, q, k, j: (
        s.gain
        * (s.weight / s.weight.norm())
        @ torch.tanh(s.query.weight @ q + s.key.weight @ k + s.bias)
        + s.offset
    ),
    "luong_general": lambda s, q, k, j: q @ s.weight @ k,
    "luong_location": lambda s, q, k, j: q @ s.weight[:, j],
    "dot": lambda s, q, k, j: q @ k,
    "scaled_dot": lambda s, q, k, j: q @ k / math.sqrt(len(q)),
    "cosine": lambda s, q, k, j: q @ k / (q.norm() * k.norm()),
    "distance": lambda s, q, k, j: -((q - k) ** 2).sum() / 2,
    "trilinear": lambda s, q, k, j: (
        s.key_weight @ k + s.query_weight @ q + s.product_weight @ (q * k)
    ),
    "symmetric_relu": lambda s, q, k, j: (
        (s.projection @ q).relu() @ torch.diag(s.diagonal) @ (s.projection @ k).relu()
    ),
}
SIZES = {
    "bahdanau": {"features": 5},
    "normalized_additive": {"features": 5},
    "symmetric_relu": {"features": 5},
    "luong_location": {"places": 9},
}
UNLIKE = ("bahdanau", "normalized_additive", "luong_general", "luong_location")


def test_every_score_by_its_name() -> None:
    assert {scores.canonical(name) for name in FORMULAS} == set(scores.SCORES)


@pytest.mark.parametrize("score", FORMULAS)
def test_equals_the_formula_in_loops(score):
    width = 6 if score in UNLIKE else 4
    attention = Attention(4, width, score=score, **SIZES.get(score, {})).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    query = torch.randn(2, 3, 4, dtype=torch.float64)
    key = torch.randn(2, 7, width, dtype=torch.float64)
    lengths = [7, 2]
    output, weights = attention(query, key, mask=masks.padding(lengths), return_weights=True)
    for b, length in enumerate(lengths):
        for i in range(3):
            raw = [
                FORMULAS[score](attention.score, query[b, i], key[b, j], j) for j in range(length)
            ]
            expected = torch.stack(raw).softmax(0)
            torch.testing.assert_close(weights[b, i, :length], expected)
            torch.testing.assert_close(output[b, i], expected @ key[b, :length])
            assert not weights[b, i, length:].any()


@pytest.mark.parametrize("score", FORMULAS)
def test_gradients_reach_every_parameter_and_both_inputs(score):
    attention = Attention(3, score=score, **SIZES.get(score, {})).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    query, key = (torch.randn(1, n, 3, dtype=torch.float64, requires_grad=True) for n in (2, 4))
    value = torch.randn(1, 4, 2, dtype=torch.float64)

    def run(query, key, *_):
        return attention(query, key, value)

    assert torch.autograd.gradcheck(run, (query, key, *attention.parameters()))


@pytest.mark.parametrize("score", ["additive", "cosine"])
def test_project_once_read_often(score):
    width = 6 if score == "additive" else 4
    attention = Attention(4, width, score=score)
    query, key = torch.randn(2, 3, 4), torch.randn(2, 5, width)
    once = attention.read(query, attention.project(key), key)
    assert torch.equal(once, attention(query, key))


def test_dropout_in_training_alone():
    attention = Attention(4, score="dot", dropout=0.5)
    query = torch.randn(1, 8, 4)
    assert not torch.equal(attention(query, query), attention(query, query))
    attention.eval()
    assert torch.equal(attention(query, query), attention(query, query))


def test_a_module_of_the_users_is_trained_with_it():
    class Distance(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.sharpness = torch.nn.Parameter(torch.ones(()))

        def forward(self, query, key):
            return -self.sharpness * (query[..., :, None, :] - key[..., None, :, :]).square().sum(
                -1
            )

    attention = Attention(4, score=Distance())
    attention(torch.randn(1, 2, 4), torch.randn(1, 3, 4)).sum().backward()
    assert dict(attention.named_parameters())["score.score.sharpness"].grad.abs() > 0


@pytest.mark.parametrize("score", ["cosine", "additive"])
def test_what_padding_holds_reaches_no_gradient_of_the_keys(score):
    attention, query = Attention(3, score=score), torch.randn(1, 2, 3)
    key = torch.randn(1, 4, 3)
    key[:, 2:] = math.nan
    key.requires_grad_()
    attention(query, key, mask=masks.padding([2])).sum().backward()
    clean = key.detach()[:, :2].requires_grad_()
    attention(query, clean).sum().backward()
    torch.testing.assert_close(key.grad[:, :2], clean.grad)
    assert not key.grad[:, 2:].any()


def test_refuses():
    with pytest.raises(UnknownName, match="no score is called 'bahdanou'; the scores are dot"):
        Attention(4, score="bahdanou")
    with pytest.raises(ShapeError, match=r"query \(…, Q, E\) of 4 features, and got \(2, 3, 5\)"):
        Attention(4)(torch.zeros(2, 3, 5), torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match=r"key \(…, K, F\) of 6 features, and got \(2, 5, 4\)"):
        Attention(4, 6)(torch.zeros(2, 3, 4), torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match="query_features == key_features, and they are 4 and 6"):
        Attention(4, 6, score="dot")
    with pytest.raises(RangeError, match="say places, the largest number of keys"):
        Attention(4, score="location")
    with pytest.raises(RangeError, match=r"LearnedScore\('location', 4, heads=2, places=…\)"):
        LearnedScore("location", 4, heads=2)
    with pytest.raises(KindError, match="the dot score has no use for features: leave it out"):
        Attention(4, score="dot", features=3)
    with pytest.raises(KindError, match="the additive score has no use for places"):
        Attention(4, score="additive", places=3)
    with pytest.raises(KindError, match="the additive score with heads has no use for features"):
        LearnedScore("additive", 4, heads=2, features=3)
    with pytest.raises(KindError, match="the Cosine score has no use for places"):
        LearnedScore(scores.Cosine(), 4, places=3)
    with pytest.raises(KindError, match="not of another"):
        Attention(4, score=LearnedScore("additive", 4))
    for name in ("heads", "features"):
        with pytest.raises(RangeError, match=f"LearnedScore wants {name} of at least 1"):
            LearnedScore("symmetric_relu", 4, **{name: 0})
    with pytest.raises(RangeError, match="query_features of at least 1, and it is 0"):
        Attention(0)
