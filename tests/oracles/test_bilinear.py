"""Bilinear: qᵀ W k, number by number."""

import numpy as np
import torch

import regard
from regard import scores


def test_by_hand() -> None:
    weight = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    raw = scores.Bilinear(weight)(np.array([[1.0, -1.0]]), np.array([[1.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(raw, [[-9.0]])  # (1 − 4)·1 + (3 − 6)·2


def test_by_loops(rng: np.random.Generator) -> None:
    query, key, weight = rng.random((3, 2)), rng.random((4, 5)), rng.random((2, 5))
    raw = scores.Bilinear(weight)(query, key)
    for i in range(3):
        for j in range(4):
            want = sum(query[i, e] * weight[e, f] * key[j, f] for e in range(2) for f in range(5))
            assert abs(raw[i, j] - want) < 1e-14


def test_identity_is_the_dot_product() -> None:
    query, key = torch.randn(3, 4), torch.randn(5, 4)
    assert torch.equal(scores.Bilinear(torch.eye(4))(query, key), scores.Dot()(query, key))


def test_gradcheck() -> None:
    shapes = ((3, 2), (4, 3), (4, 2), (2, 3))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, w: regard.attend(q, k, v, score=scores.Bilinear(w)), tensors
    )
