"""What all layers that read a source do with its lengths and its padding."""

import math

import pytest
import torch

from regard import nn
from regard.errors import KindError, ShapeError
from regard.nn.source import lengths_of

F64 = torch.float64
LENGTHS = [5, 2, 0]
LAYERS = {
    "local-p": lambda: nn.LocalAttention(2, 3, window=2),
    "local-m": lambda: nn.LocalAttention(2, 3, window=2, predictive=False, score="concat"),
    "location": lambda: nn.LocationSensitiveAttention(2, 3, kernel=3),
    "coverage": lambda: nn.CoverageAttention(2, 3),
    "monotonic": lambda: nn.MonotonicAttention(2, 3, noise=0.0),
    "hard": lambda: nn.HardAttention(2, 3),
    "hard location": lambda: nn.HardAttention(2, 3, score="location", places=5),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@every_layer
def test_keys_that_are_read_themselves_may_hold_anything_in_their_padding(make):
    layer = make().double()
    query = torch.randn(3, 4, 2, dtype=F64)
    key = torch.randn(3, 5, 3, dtype=F64)
    padded = (torch.arange(5) >= torch.tensor(LENGTHS)[:, None])[..., None]
    results = []
    for poison in (0.0, math.nan, math.inf):
        torch.manual_seed(1)
        bad = key.masked_fill(padded, poison).requires_grad_()
        found = layer(query, bad, lengths=LENGTHS)
        context = found if isinstance(found, torch.Tensor) else found.context
        context.square().sum().backward()
        results.append([context, bad.grad])
    assert not results[0][0][2].any()
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=0, atol=0)


@every_layer
def test_lengths_are_refused_where_they_are_no_lengths(make):
    layer, query, key = make(), torch.zeros(3, 4, 2), torch.zeros(3, 5, 3)
    with pytest.raises(KindError, match="lengths are whole numbers"):
        layer(query, key, lengths=[5.0, 2.0, 0.0])
    with pytest.raises(ShapeError, match=r"one per row of the batch, \(3,\), and they are \(2,\)"):
        layer(query, key, lengths=[5, 2])


def test_lengths_of():
    places = torch.zeros(3, 5)
    assert lengths_of(places, None).tolist() == [5, 5, 5]
    assert lengths_of(places, [9, 2, -1]).tolist() == [5, 2, 0]
    assert lengths_of(places.to("meta"), torch.tensor(LENGTHS)).device.type == "meta"
    with pytest.raises(KindError, match=r"and they are torch\.bool"):
        lengths_of(places, places[:, 0] > 0)
