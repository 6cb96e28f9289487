"""The entmax package (deep-spin): its sparsemax and entmax15 are ours, forward and backward.

It sorts, and we search for the threshold; the numbers are the same. What the two do with masks
differs: there a hidden score is −∞, and a row of nothing else has no answer.
"""

import pytest
import torch
from torch import Tensor

import regard
from regard import masks, normalizers

entmax = pytest.importorskip("entmax")

LIMIT = {torch.float64: 1e-10, torch.float32: 1e-5}
NAMES = ("sparsemax", "entmax15")


def apart(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().max().item()


def weights_and_gradient(normalize, scores: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    scores = scores.clone().requires_grad_()
    weights = normalize(scores)
    return weights.detach(), torch.autograd.grad(weights, scores, upstream)[0]


@pytest.mark.parametrize("dtype", LIMIT, ids=str)
@pytest.mark.parametrize("keys", [1, 2, 7, 300, 2049])
@pytest.mark.parametrize("name", NAMES)
def test_rows(name: str, keys: int, dtype: torch.dtype) -> None:
    for spread in (0.1, 1.0, 30.0):
        scores = (torch.randn(2, 3, keys, dtype=torch.float64) * spread).to(dtype)
        upstream = torch.randn(2, 3, keys, dtype=torch.float64).to(dtype)
        ours = weights_and_gradient(
            lambda z: normalizers.NORMALIZERS[name](z, None), scores, upstream
        )
        theirs = weights_and_gradient(getattr(entmax, name), scores, upstream)
        for one, other in zip(ours, theirs, strict=True):
            assert apart(one, other) <= LIMIT[dtype], (spread, apart(one, other))


@pytest.mark.parametrize("dtype", LIMIT, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_masked_rows(name: str, dtype: torch.dtype) -> None:
    scores, upstream = torch.randn(4, 6, 9, dtype=dtype), torch.randn(4, 6, 9, dtype=dtype)
    allowed = torch.rand(4, 6, 9) < 0.5
    allowed[..., 0] = True  # for them: a row of nothing raises
    ours = weights_and_gradient(
        lambda z: normalizers.NORMALIZERS[name](z, allowed), scores, upstream
    )
    theirs = weights_and_gradient(
        lambda z: getattr(entmax, name)(z.masked_fill(~allowed, -torch.inf)), scores, upstream
    )
    for one, other in zip(ours, theirs, strict=True):
        assert apart(one, other) <= LIMIT[dtype]


@pytest.mark.parametrize("dtype", LIMIT, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_attention(name: str, dtype: torch.dtype) -> None:
    shapes = ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6))
    inputs = [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]
    lengths = torch.tensor([7, 4])
    upstream = torch.randn(2, 3, 5, 6, dtype=dtype)
    ours = regard.attend(*inputs, normalizer=name, mask=masks.padding(lengths))
    query, key, value = inputs
    hidden = (torch.arange(7) >= lengths[:, None])[:, None, None]
    raw = (query @ key.mT / 2).masked_fill(hidden, -torch.inf)
    theirs = getattr(entmax, name)(raw) @ value
    assert apart(ours, theirs) <= LIMIT[dtype]
    gradients = (torch.autograd.grad(output, inputs, upstream) for output in (ours, theirs))
    for one, other in zip(*gradients, strict=True):
        assert apart(one, other) <= LIMIT[dtype]
