"""Positions against the formulas of the papers, in plain Python."""

import cmath
import math

import pytest
import torch

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import LearnedPositions, RotaryPositions, SinusoidalPositions

DOUBLE = torch.float64


def test_sinusoids_are_the_papers():
    tokens = torch.randn(2, 5, 6, dtype=DOUBLE)
    added = SinusoidalPositions(6)(tokens, offset=3) - tokens
    for b in range(2):
        for t in range(5):
            for i in range(3):
                angle = (t + 3) / 10000 ** (2 * i / 6)
                assert math.isclose(added[b, t, 2 * i], math.sin(angle), abs_tol=1e-12)
                assert math.isclose(added[b, t, 2 * i + 1], math.cos(angle), abs_tol=1e-12)


@pytest.mark.parametrize("layout", ["pairs", "halves"])
def test_rotations_are_the_papers(layout):
    """A pair of features is a complex number, and is multiplied by e^{ipθ} (eq. 11 and 15)."""
    heads = torch.randn(2, 3, 4, 6, dtype=DOUBLE)
    positions = torch.tensor([[0, 1, 2, 3], [7, 5, 40, 1]])
    turned = RotaryPositions(6, layout=layout)(heads, positions)
    for b in range(2):
        for h in range(3):
            for t in range(4):
                for i in range(3):
                    pair = (2 * i, 2 * i + 1) if layout == "pairs" else (i, i + 3)
                    x, y = (float(heads[b, h, t, place]) for place in pair)
                    angle = float(positions[b, t]) * 10000 ** (-2 * i / 6)
                    want = complex(x, y) * cmath.exp(1j * angle)
                    got = complex(*(float(turned[b, h, t, place]) for place in pair))
                    assert abs(got - want) < 1e-12


@pytest.mark.parametrize("layout", ["pairs", "halves"])
def test_a_product_depends_on_the_distance_alone(layout):
    rotary = RotaryPositions(8, layout=layout)
    q, k = torch.randn(2, 1, 8, dtype=DOUBLE)

    def product(i, j):
        return rotary(q, offset=i) @ rotary(k, offset=j).mT

    torch.testing.assert_close(product(5, 2), product(1005, 1002))
    assert not torch.allclose(product(5, 2), product(5, 3))
    torch.testing.assert_close(product(4, 4), q @ k.mT)


def test_far_positions_keep_their_digits():
    head, far = torch.tensor([[1.0, 0.0]]), 1_000_003
    got = RotaryPositions(2)(head, offset=far)[0]
    assert math.isclose(got[0], math.cos(far), abs_tol=1e-6)
    halved = RotaryPositions(2)(head.bfloat16(), offset=far)
    assert halved.dtype == torch.bfloat16
    torch.testing.assert_close(halved[0], got.bfloat16())


@pytest.mark.parametrize(
    "layer", [SinusoidalPositions(4), LearnedPositions(9, 4), RotaryPositions(4)], ids=str
)
def test_positions_an_offset_and_a_row_of_positions_agree(layer):
    x = torch.randn(3, 2, 4, 4)
    whole = layer(x)
    torch.testing.assert_close(whole, layer(x, torch.arange(4)))
    torch.testing.assert_close(whole, layer(x, torch.arange(4, dtype=torch.uint8)))
    torch.testing.assert_close(whole[..., 2:, :], layer(x[..., 2:, :], offset=2))
    rows = torch.tensor([[0, 1, 2, 3], [3, 4, 5, 6], [2, 0, 0, 1]])
    each = torch.stack([layer(x[b], rows[b]) for b in range(3)])
    torch.testing.assert_close(layer(x, rows), each)
    assert layer(x[..., :0, :]).shape == (3, 2, 0, 4)


def test_gradients():
    x = torch.randn(2, 3, 4, dtype=DOUBLE, requires_grad=True)
    learned = LearnedPositions(5, 4).double()
    assert torch.autograd.gradcheck(lambda x, *_: learned(x, offset=2), (x, learned.weight))
    assert torch.autograd.gradcheck(RotaryPositions(4), (x,))
    assert torch.autograd.gradcheck(SinusoidalPositions(4), (x,))


def test_refuses():
    for layer in (SinusoidalPositions, RotaryPositions):
        with pytest.raises(RangeError, match="multiple of 2: 5"):
            layer(5)
        with pytest.raises(RangeError, match="base of the wave lengths is above 0"):
            layer(4, base=0)
    with pytest.raises(UnknownName, match="'pairs' or 'halves'"):
        RotaryPositions(4, layout="quarters")
    table = LearnedPositions(4, 2)
    with pytest.raises(RangeError, match="4 positions, 0 … 3, and position 4 was asked for"):
        table(torch.zeros(5, 2))
    with pytest.raises(RangeError, match="position -1 was asked for"):
        table(torch.zeros(1, 2), torch.tensor([-1]))
    with pytest.raises(RangeError, match="at least 1 position"):
        LearnedPositions(0, 2)
    with pytest.raises(ShapeError, match=r"wants \(…, T, 2\).*\(5, 3\)"):
        table(torch.zeros(5, 3))
    with pytest.raises(ShapeError, match=r"\(T,\) = \(3,\).*came as \(4, 3\)"):
        table(torch.zeros(2, 3, 2), torch.zeros(4, 3, dtype=torch.int64))
    with pytest.raises(KindError, match="tensor of integers"):
        table(torch.zeros(3, 2), torch.zeros(3))
    for layer in (table, SinusoidalPositions(2), RotaryPositions(2)):
        with pytest.raises(KindError, match="tensor of integers, and came as torch.bool"):
            layer(torch.zeros(3, 2), torch.ones(3, dtype=torch.bool))
    with pytest.raises(KindError, match="not both"):
        table(torch.zeros(3, 2), torch.arange(3), offset=1)
