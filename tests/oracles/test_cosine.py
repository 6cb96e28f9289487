"""Cosine: hand-computed numbers, zero vectors, lengths at both ends of the floating-point range."""

import math

import numpy as np
import pytest
import torch

import regard
from regard import scores


def test_by_hand() -> None:
    raw = scores.Cosine()(np.array([[2.0, 3.0]]), np.array([[4.0, 1.0]]))
    assert abs(raw.item() - 11 / (math.sqrt(13) * math.sqrt(17))) < 1e-15
    assert round(raw.item(), 8) == 0.73994007


def test_zero_vectors_have_cosine_and_gradient_zero() -> None:
    query = torch.zeros(1, 3, dtype=torch.float64).requires_grad_()
    key = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=torch.float64).requires_grad_()
    raw = scores.Cosine()(query, key)
    assert torch.equal(raw, torch.zeros_like(raw))
    raw.sum().backward()
    assert query.grad is not None
    assert key.grad is not None
    assert not query.grad.any()
    assert not key.grad.any()


@pytest.mark.parametrize("length", [1e-44, 1e-30, 1e-20, 1.0, 1e20, 3e38])
def test_the_length_does_not_matter(length: float) -> None:
    query, key = torch.tensor([[1.0, 1.0]]) * length, torch.tensor([[1.0, 0.0]])
    raw = scores.Cosine()(query, key)
    assert abs(raw.item() - math.sqrt(0.5)) < (1e-6 if length > 1e-40 else 0.1)


def test_nan_is_told() -> None:
    """A vector of NaN is not a vector of zeros."""
    raw = scores.Cosine()(torch.tensor([[math.nan, 1.0]]), torch.ones(1, 2))
    assert raw.isnan().all()


def test_no_features_are_all_alike() -> None:
    assert regard.weights(torch.ones(1, 0), torch.ones(2, 0), score="cosine").tolist() == [
        [0.5, 0.5]
    ]


def test_gradcheck() -> None:
    query, key, value = (torch.randn(3, 4, dtype=torch.float64).requires_grad_() for _ in "qkv")
    scale = torch.rand(3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda q, k, v, s: regard.attend(q, k, v, score=scores.Cosine(s)),
        (query, key, value, scale),
    )
