"""Soft cap: c tanh(score / c), around any score."""

import math

import torch

import regard
from regard import masks, scores


def test_by_hand() -> None:
    capped = scores.SoftCap(scores.Dot(), 30.0)
    raw = capped(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [300.0, 400.0]]))
    assert abs(raw[0, 0].item() - 30 * math.tanh(11 / 30)) < 1e-5
    assert raw[0, 1].item() == 30.0


def test_a_large_cap_is_no_cap() -> None:
    query, key = torch.randn(3, 4), torch.randn(5, 4)
    capped = scores.SoftCap(scores.ScaledDot(), 1e4)
    torch.testing.assert_close(capped(query, key), scores.ScaledDot()(query, key))


def test_an_inner_product_stays_one_number_a_pair() -> None:
    assert not scores.SoftCap(scores.Dot(), 1.0).pairwise
    assert scores.SoftCap(scores.Additive(torch.ones(3)), 1.0).pairwise
    assert scores.SoftCap(lambda q, k: q @ k.mT, 1.0).pairwise


def test_gradcheck_of_all_that_it_wraps() -> None:
    shapes = ((3, 2), (4, 2), (4, 2), (2, 2))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]

    def attend(query, key, value, weight):
        score = scores.SoftCap(scores.Bilinear(weight), 2.0)
        return regard.attend(query, key, value, score=score, mask=masks.causal())

    assert torch.autograd.gradcheck(attend, tensors)


def test_a_function_that_draws_draws_the_same_again() -> None:
    """The backward pass computes blocks again, and what was drawn is drawn again: else gradients
    would be those of other numbers."""
    query = torch.randn(1, 1200, 4, dtype=torch.float64).requires_grad_()
    drawn: list[torch.Tensor] = []

    def noisy(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        drawn.append(torch.rand((), dtype=torch.float64))
        return query @ key.mT * drawn[-1]

    output = regard.attend(query, query, query, score=scores.SoftCap(noisy, 3.0))
    forward = len(drawn)
    output.sum().backward()
    assert forward > 1
    assert len(drawn) > forward
    assert {x.item() for x in drawn[forward:]} <= {x.item() for x in drawn[:forward]}
