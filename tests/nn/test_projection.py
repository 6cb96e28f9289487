"""Padding that holds anything, through the layers that project: both passes."""

import math

import pytest
import torch

from regard import masks, nn
from regard.nn.projection import Projection


def test_is_torchs_layer_for_finite_rows() -> None:
    torch.manual_seed(0)
    layer = Projection(3, 2)
    x = torch.randn(4, 3)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    assert set(layer.state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize("score", ["additive", "normalized_additive"])
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_what_padding_holds_reaches_no_gradient(score: str, poison: float) -> None:
    attention = nn.Attention(3, 4, score=score)
    query, key, lengths = torch.randn(2, 2, 3), torch.randn(2, 5, 4), [3, 5]

    def gradients(key: torch.Tensor) -> list[torch.Tensor]:
        output = attention(query, key, mask=masks.padding(lengths))
        return list(torch.autograd.grad(output.sum(), attention.parameters(), allow_unused=True))

    clean = gradients(key)
    key[0, 3:] = poison
    for got, want in zip(gradients(key), clean, strict=True):
        assert (got is None) == (want is None)
        if want is not None:
            torch.testing.assert_close(got, want)


def test_torchs_own_layer_fails_the_check() -> None:
    """The wrong version: what the library's projections were before."""
    layer = torch.nn.Linear(3, 2)
    x = torch.tensor([[1.0, 2.0, 3.0], [math.nan] * 3])
    torch.where(torch.tensor([[True], [False]]), layer(x), 0.0).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.isnan().any()
    layer.zero_grad()
    mended = Projection(3, 2)
    torch.where(torch.tensor([[True], [False]]), mended(x), 0.0).sum().backward()
    assert mended.weight.grad is not None
    assert mended.weight.grad.isfinite().all()
