"""The streaming engine: dropout, closures, tiles, and extreme numbers."""

from typing import Any

import pytest
import torch

import regard
from conformance.test_laws import small_blocks
from regard import biases, masks, scores


@pytest.fixture(params=["one block", "many blocks"])
def cutting(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "many blocks":
        small_blocks(monkeypatch)
    return request.param


def test_gradients_reach_what_a_function_closes_over(cutting: str) -> None:
    """Rule 11: a leaf, and a tensor that is itself computed."""
    leaf = torch.randn(4, dtype=torch.float64).requires_grad_()
    layer = torch.nn.Linear(4, 4).double()
    computed = layer(leaf)

    def score(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        pairs = query[..., :, None, :] * leaf + key[..., None, :, :] * computed
        return pairs.sin().sum(-1)

    query, key, value = (torch.randn(2, 7, 4, dtype=torch.float64).requires_grad_() for _ in "qkv")
    wanted = (query, key, value, leaf, *layer.parameters())
    got = torch.autograd.grad(
        regard.attend(query, key, value, score=score, mask=masks.causal()).sin().sum(),
        wanted,
        retain_graph=True,
    )
    seen = torch.ones(7, 7, dtype=torch.bool).tril()
    eager = score(query, key).masked_fill(~seen, -torch.inf).softmax(-1) @ value
    want = torch.autograd.grad(eager.sin().sum(), wanted)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def test_dropout_drops_the_same_weights_in_both_passes(cutting: str) -> None:
    query, key = torch.randn(9, 4), torch.randn(9, 4)
    value = torch.eye(9).requires_grad_()
    torch.manual_seed(7)
    output, weights = regard.attend(query, key, value, dropout_p=0.5, return_weights=True)
    torch.manual_seed(7)
    assert torch.equal(output, regard.attend(query, key, value, dropout_p=0.5))
    dropped = output.detach() == 0  # the values are the identity, so the output is the weights
    assert 20 < dropped.sum() < 61
    torch.testing.assert_close(output[~dropped], weights[~dropped] * 2)
    output.sum().backward()
    assert value.grad is not None
    torch.testing.assert_close(value.grad[:, 0], output.detach().sum(0))
    torch.testing.assert_close(weights, regard.weights(query, key))


def test_a_function_that_draws_draws_the_same_again(cutting: str) -> None:
    query = torch.randn(8, 4, dtype=torch.float64).requires_grad_()
    drawn = []

    def score(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(q.shape[-2], k.shape[-2], dtype=q.dtype)
        drawn.append(noise.sum().item())
        return q @ k.mT * noise

    output = regard.attend(query, query.detach(), query.detach(), score=score)
    forward = len(drawn)
    output.sum().backward()
    assert set(drawn[forward:]) <= set(drawn[:forward])
    assert cutting == "one block" or len(drawn) > forward


def test_a_learned_bias_gets_its_gradient(cutting: str) -> None:
    query, key, value = (torch.randn(2, 3, 3, dtype=torch.float64) for _ in "qkv")
    bias = torch.randn(3, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda b: regard.attend(query, key, value, bias=biases.dense(b), mask=masks.causal()), bias
    )


@pytest.mark.parametrize("size", [1e-30, 1e-4, 1.0, 1e4, 1e15])
@pytest.mark.parametrize("name", ["dot", "cosine", "additive"])
@pytest.mark.parametrize("engine", ["auto", "streaming"])
def test_numbers_of_any_size(engine: str, name: str, size: float, cutting: str) -> None:
    query, key, value = (torch.randn(2, 5, 3) * size for _ in "qkv")
    score = scores.Additive(torch.randn(3)) if name == "additive" else name
    query.requires_grad_()
    got = regard.attend(query, key, value, score=score, mask=masks.causal(), engine=engine)
    score = scores.Additive(score.weight.double()) if isinstance(score, scores.Additive) else name
    exact = (x.detach().double() for x in (query, key, value))
    want = regard.attend(*exact, score=score, mask=masks.causal(), engine="reference")
    # Scores of 1e30 make hard choices; where two are equal to rounding, either may be taken.
    if size < 1e15 or name != "dot":
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-4 * size)
    (gradient,) = torch.autograd.grad(got.sum(), query)
    assert gradient.isfinite().all()


def test_equal_and_opposite_huge_features(cutting: str) -> None:
    """tanh(q + k) where q and k cancel."""
    query = torch.randn(4, 3)
    big = torch.full((1, 3), 4096.0)
    weight = torch.randn(3)
    key = torch.zeros(5, 3)
    got = regard.weights(query + big, key - big, score=scores.Additive(weight))
    want = regard.weights((query + big) - big, key, score=scores.Additive(weight))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


def test_two_keys_of_infinity_that_nobody_sees_do_not_reach_a_singular_function() -> None:
    """A function that is singular at 0, and hidden keys that would be replaced by zeros."""
    query, key = torch.rand(3, 4) + 1, torch.rand(5, 4) + 1
    key[3:] = torch.inf
    key.requires_grad_()

    def score(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (1 / k[..., None, :, :] + q[..., :, None, :].log()).sum(-1)

    output = regard.attend(query, key, torch.rand(5, 2), score=score, mask=masks.padding(3))
    output.sum().backward()
    assert output.isfinite().all()
    assert key.grad is not None
    assert key.grad.isfinite().all()
