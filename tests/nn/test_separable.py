"""``nn.SeparableConvolution``: against sums in loops."""

import pytest
import torch

from regard.errors import RangeError, ShapeError
from regard.nn import SeparableConvolution


def test_equals_sums_in_loops_and_padding_is_zeros():
    convolution = SeparableConvolution(3, 5).double()
    words = torch.randn(2, 6, 3, dtype=torch.float64)
    lengths = [6, 4]
    words[1, 4:] = torch.nan
    with torch.no_grad():
        found = convolution(words, lengths)
    weight, linear = convolution.depthwise.detach(), convolution.pointwise
    for b, length in enumerate(lengths):
        for t in range(length):
            d = torch.zeros(3, dtype=torch.float64)
            for k in range(5):
                place = t + k - 2
                if 0 <= place < length:
                    d += weight[k] * words[b, place]
            torch.testing.assert_close(found[b, t], linear.weight @ d + linear.bias)


def test_sizes_are_checked():
    with pytest.raises(RangeError, match="odd"):
        SeparableConvolution(3, 4)
    with pytest.raises(RangeError):
        SeparableConvolution(0, 3)
    with pytest.raises(ShapeError):
        SeparableConvolution(3, 3)(torch.zeros(2, 5, 4))
