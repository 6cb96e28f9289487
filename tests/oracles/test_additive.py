"""Additive: vᵀ tanh(W s + U h), from the paper's equation and nothing else."""

import math

import numpy as np
import pytest
import torch

import regard
from regard import errors, scores


def test_by_hand() -> None:
    weight, query, key = np.array([2.0, -1.0]), np.array([[0.5, 0.0]]), np.array([[0.5, 1.0]])
    want = 2 * 0.7615941559557649 - 0.7615941559557649  # tanh(1) = 0.76159…
    assert abs(scores.Additive(weight)(query, key).item() - want) < 1e-15


def test_by_loops_from_the_paper(rng: np.random.Generator) -> None:
    state, source = rng.standard_normal(3), rng.standard_normal((4, 5))  # s_{i−1}, h_1 … h_4
    W, U, v = rng.standard_normal((2, 3)), rng.standard_normal((2, 5)), rng.standard_normal(2)
    energies = [
        sum(
            v[d] * math.tanh(
                sum(W[d, a] * state[a] for a in range(3)) + sum(U[d, b] * h[b] for b in range(5))
            )
            for d in range(2)
        )
        for h in source
    ]  # fmt: skip
    powers = [math.exp(e) for e in energies]
    context = sum(p / sum(powers) * h for p, h in zip(powers, source, strict=True))
    got = regard.attend(W @ state, source @ U.T, source, score=scores.Additive(v))
    np.testing.assert_allclose(got, context, rtol=0, atol=1e-14)


def test_concat_is_additive_with_the_weight_split(rng: np.random.Generator) -> None:
    state, source = rng.standard_normal(3), rng.standard_normal((4, 5))
    W, v = rng.standard_normal((2, 8)), rng.standard_normal(2)
    concat = [v @ np.tanh(W @ np.concatenate([state, h])) for h in source]
    raw = scores.Additive(v)((state @ W[:, :3].T)[None], source @ W[:, 3:].T)[0]
    np.testing.assert_allclose(raw, concat, rtol=0, atol=1e-14)


def test_equal_sizes_do_not_pair_the_diagonal() -> None:
    """Trap 8: with Q == K == B == D a wrong broadcast still has a right-looking shape."""
    n = 3
    query, key, weight = torch.randn(n, n, n), torch.randn(n, n, n), torch.randn(n)
    wrong = (torch.tanh(query + key) @ weight)[:, None, :]
    raw = scores.Additive(weight)(query, key)
    assert raw.shape == (n, n, n)
    for b in range(n):
        for i in range(n):
            for j in range(n):
                want = sum(weight[d] * torch.tanh(query[b, i, d] + key[b, j, d]) for d in range(n))
                assert abs(raw[b, i, j] - want) < 1e-6
    assert not torch.allclose(raw, wrong.expand_as(raw))


def test_gradcheck() -> None:
    shapes = ((2, 3, 4), (2, 5, 4), (2, 5, 2), (4,))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, w: regard.attend(q, k, v, score=scores.Additive(w)), tensors
    )


def test_other_activations_by_loops(rng: np.random.Generator) -> None:
    query, key, v = rng.standard_normal((2, 3)), rng.standard_normal((4, 3)), rng.standard_normal(3)
    rules = {
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "relu": lambda x: max(x, 0.0),
        "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    }
    for name, rule in rules.items():
        want = [[sum(v[d] * rule(q[d] + k[d]) for d in range(3)) for k in key] for q in query]
        raw = scores.Additive(v, name, 0.2)(query, key)
        np.testing.assert_allclose(raw, want, rtol=0, atol=1e-14)


def test_an_activation_that_there_is_not() -> None:
    with pytest.raises(errors.UnknownName, match="tanh, sigmoid, relu, leaky_relu, not 'gelu'"):
        scores.Additive(np.ones(2), "gelu")  # pyright: ignore[reportArgumentType]
    with pytest.raises(errors.KindError, match="negative_slope, not 'steep'"):
        scores.Additive(np.ones(2), "leaky_relu", "steep")  # pyright: ignore[reportArgumentType]
