"""Trilinear: wᵀ[k; q; q ∘ k], as the paper concatenates it."""

import numpy as np
import torch

import regard
from regard import scores


def test_is_one_linear_layer_over_the_concatenation(rng: np.random.Generator) -> None:
    query, key, weight = rng.random((3, 4)), rng.random((5, 4)), rng.random(12)
    got = scores.Trilinear(weight[:4], weight[4:8], weight[8:])(query, key)
    for i in range(3):
        for j in range(5):
            row = np.concatenate([key[j], query[i], key[j] * query[i]])
            assert abs(got[i, j] - weight @ row) < 1e-13


def test_a_weight_of_the_query_alone_changes_no_softmax() -> None:
    query, key = torch.randn(3, 4), torch.randn(5, 4)
    zero, some = torch.zeros(4), torch.randn(4)
    with_it = regard.weights(query, key, score=scores.Trilinear(some, 10 * some, some))
    without = regard.weights(query, key, score=scores.Trilinear(some, zero, some))
    torch.testing.assert_close(with_it, without)


def test_gradcheck() -> None:
    shapes = ((3, 2), (4, 2), (4, 2), (2,), (2,), (2,))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, *w: regard.attend(
            q, k, v, score=scores.Trilinear(*w), normalizer="sigmoid"
        ),
        tensors,
    )
