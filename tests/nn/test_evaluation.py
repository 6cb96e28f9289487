"""In evaluation layers draw nothing: "hard" takes the place of "gumbel"."""

import pytest
import torch

from regard import nn

LAYERS = {
    "local-p": lambda how: nn.LocalAttention(3, normalizer=how),
    "local-m": lambda how: nn.LocalAttention(3, predictive=False, normalizer=how),
    "location": lambda how: nn.LocationSensitiveAttention(3, kernel=3, normalizer=how),
    "coverage": lambda how: nn.CoverageAttention(3, normalizer=how),
    "pooling": lambda how: nn.AttentionPooling(3, normalizer=how),
    "bahdanau": lambda how: nn.BahdanauDecoder(3, 3, 3, normalizer=how),
    "luong": lambda how: nn.LuongDecoder(3, 3, 3, normalizer=how),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_gumbel_draws_in_training_alone(make):
    layer, source = make("gumbel"), torch.randn(5, 9, 3)

    def run(layer):
        if isinstance(layer, nn.AttentionPooling):
            return layer(source)
        if isinstance(layer, nn.BahdanauDecoder | nn.LuongDecoder):
            return layer(source, nn.Encoded(source, torch.full((5,), 9), source[:, 0]))
        return layer(source, source)

    assert not torch.equal(run(layer), run(layer))
    hard = make("hard")
    hard.load_state_dict(layer.state_dict())
    assert torch.equal(run(layer.eval()), run(hard.eval()))
