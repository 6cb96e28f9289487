"""Symmetric ReLU: the paper's matrices written out."""

import numpy as np
import torch

import regard
from regard import scores


def test_by_matrices(rng: np.random.Generator) -> None:
    query, key = rng.standard_normal((3, 4)), rng.standard_normal((5, 4))
    projection, diagonal = rng.standard_normal((6, 4)), rng.standard_normal(6)
    got = scores.SymmetricReLU(projection, diagonal)(query, key)
    for i in range(3):
        for j in range(5):
            left, right = np.maximum(projection @ query[i], 0), np.maximum(projection @ key[j], 0)
            assert abs(got[i, j] - left @ np.diag(diagonal) @ right) < 1e-12


def test_is_symmetric() -> None:
    x = torch.randn(5, 4)
    raw = scores.SymmetricReLU(torch.randn(6, 4), torch.randn(6))(x, x)
    torch.testing.assert_close(raw, raw.T)


def test_gradcheck() -> None:
    shapes = ((3, 2), (4, 2), (4, 2), (5, 2), (5,))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, u, d: regard.attend(q, k, v, score=scores.SymmetricReLU(u, d)), tensors
    )
