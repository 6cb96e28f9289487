"""``nn.Attention``: each score as its paper writes it, against plain loops."""

import math

import pytest
import torch

from regard import masks
from regard.errors import ShapeError, UnknownName
from regard.nn import Attention

FORMULAS = {
    "bahdanau": lambda a, q, k: a.weight @ torch.tanh(a.query.weight @ q + a.key.weight @ k),
    "luong_general": lambda a, q, k: q @ a.weight @ k,
    "dot": lambda a, q, k: q @ k,
    "scaled_dot": lambda a, q, k: q @ k / math.sqrt(len(q)),
    "cosine": lambda a, q, k: q @ k / (q.norm() * k.norm()),
}


@pytest.mark.parametrize("score", FORMULAS)
def test_equals_the_formula_in_loops(score):
    matched = score not in ("bahdanau", "luong_general")
    attention = Attention(4, 4 if matched else 6, score=score, features=5).double()
    query = torch.randn(2, 3, 4, dtype=torch.float64)
    key = torch.randn(2, 7, 4 if matched else 6, dtype=torch.float64)
    lengths = [7, 2]
    output, weights = attention(query, key, mask=masks.padding(lengths), return_weights=True)
    for b, length in enumerate(lengths):
        for i in range(3):
            raw = [FORMULAS[score](attention, query[b, i], key[b, j]) for j in range(length)]
            expected = torch.stack(raw).softmax(0)
            torch.testing.assert_close(weights[b, i, :length], expected)
            torch.testing.assert_close(output[b, i], expected @ key[b, :length])
            assert not weights[b, i, length:].any()


@pytest.mark.parametrize("score", FORMULAS)
def test_gradients_reach_every_parameter_and_both_inputs(score):
    attention = Attention(3, score=score, features=2).double()
    query, key = (torch.randn(1, n, 3, dtype=torch.float64, requires_grad=True) for n in (2, 4))
    value = torch.randn(1, 4, 2, dtype=torch.float64)

    def run(query, key, *_):
        return attention(query, key, value)

    assert torch.autograd.gradcheck(run, (query, key, *attention.parameters()))


def test_project_once_read_often():
    attention = Attention(4, 6, score="additive")
    query, key = torch.randn(2, 3, 4), torch.randn(2, 5, 6)
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
    assert dict(attention.named_parameters())["score.sharpness"].grad.abs() > 0


def test_refuses():
    with pytest.raises(UnknownName, match="no score is called 'bahdanou'; the scores are dot"):
        Attention(4, score="bahdanou")
    with pytest.raises(ShapeError, match=r"query \(…, Q, E\) of 4 features, and got \(2, 3, 5\)"):
        Attention(4)(torch.zeros(2, 3, 5), torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match=r"key \(…, K, F\) of 6 features, and got \(2, 5, 4\)"):
        Attention(4, 6)(torch.zeros(2, 3, 4), torch.zeros(2, 5, 4))
    with pytest.raises(ShapeError, match="query_features == key_features, and they are 4 and 6"):
        Attention(4, 6, score="dot")
