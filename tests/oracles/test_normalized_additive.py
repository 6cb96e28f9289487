"""Normalized additive: Raffel et al. 2017, §2.4, number by number."""

import math

import numpy as np
import pytest
import torch

import regard
from regard import scores


def test_by_loops(rng: np.random.Generator) -> None:
    query, key = rng.standard_normal((3, 4)), rng.standard_normal((5, 4))
    weight, bias = rng.standard_normal((2, 4))
    got = scores.NormalizedAdditive(weight, 1.7, bias, -3.0)(query, key)
    length = math.sqrt(sum(v * v for v in weight))
    for i in range(3):
        for j in range(5):
            tanhs = [math.tanh(q + k + b) for q, k, b in zip(query[i], key[j], bias, strict=True)]
            want = 1.7 / length * sum(v * t for v, t in zip(weight, tanhs, strict=True)) - 3.0
            assert abs(got[i, j] - want) < 1e-13


def test_the_length_of_v_does_not_matter() -> None:
    query, key, weight = torch.randn(3, 4), torch.randn(5, 4), torch.randn(4)
    one = scores.NormalizedAdditive(weight, 2.0)(query, key)
    other = scores.NormalizedAdditive(1e3 * weight, 2.0)(query, key)
    torch.testing.assert_close(one, other)


def test_the_fused_kernel_takes_it_and_sigmoid_feels_the_offset() -> None:
    query, key, value = (torch.randn(2, 9, 4) for _ in "qkv")
    weight, bias = torch.randn(4), torch.randn(4)
    score = scores.NormalizedAdditive(weight, 2.0, bias, -4.0)
    assert regard.plan(query, key, value, score=score).engine == "additive_numba"
    want = regard.attend(query, key, value, score=score, engine="reference")
    torch.testing.assert_close(regard.attend(query, key, value, score=score), want)
    totals = regard.weights(query, key, score=score, normalizer="sigmoid").sum(-1)
    higher = scores.NormalizedAdditive(weight, 2.0, bias, 4.0)
    assert (regard.weights(query, key, score=higher, normalizer="sigmoid").sum(-1) > totals).all()


def test_numbers_per_head() -> None:
    query, key = torch.randn(3, 2, 4), torch.randn(3, 5, 4)
    weight, gain, offset = torch.randn(4), torch.randn(3), torch.randn(3)
    got = scores.NormalizedAdditive(weight, gain, None, offset)(query, key)
    for h in range(3):
        one = scores.NormalizedAdditive(weight, gain[h].item(), None, offset[h].item())
        torch.testing.assert_close(got[h], one(query[h], key[h]))


def test_every_tensor_is_part_of_the_graph() -> None:
    """r is none to softmax; its gradient is 0, and not missing, on every engine."""
    query, key, value = (torch.randn(2, 5, 4) for _ in "qkv")
    for engine in ("additive_numba", "streaming"):
        offset = torch.zeros((), requires_grad=True)
        score = scores.NormalizedAdditive(torch.randn(4), 1.0, None, offset)
        output = regard.attend(query, key, value, score=score, engine=engine)
        (slope,) = torch.autograd.grad(output.square().sum(), offset)
        assert abs(slope) < 1e-5


@pytest.mark.parametrize("engine", ["additive_numba", "streaming"])
def test_gradcheck(engine: str) -> None:
    shapes = ((3, 2), (4, 2), (4, 2), (2,), (), (2,), ())
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, w, g, b, r: regard.attend(
            q, k, v, score=scores.NormalizedAdditive(w, g, b, r), engine=engine
        ),
        tensors,
    )
