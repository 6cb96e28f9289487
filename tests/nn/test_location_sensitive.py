"""Location-sensitive attention against plain loops of Chorowski et al. 2015, eq. 8–9."""

import numpy as np
import pytest
import torch

from regard.errors import RangeError
from regard.nn.location_sensitive import LocationSensitiveAttention, LocationState


def plain(layer, query, key, length, cumulative):
    """One row, (T, E) and (K, F), in loops; α (T, length)."""
    w, u, b, location, weight, filters = (
        x.detach().numpy()
        for x in (
            layer.score.query.weight,
            layer.score.key.weight,
            layer.location.bias,
            layer.location.weight,
            layer.score.weight,
            layer.filters.weight[:, 0],
        )
    )
    channels, width = filters.shape
    seen, rows = np.zeros(length), []
    for state in query:
        energy = np.zeros(length)
        for j in range(length):
            around = np.zeros(channels)
            for c in range(channels):
                for i in range(width):
                    place = j + i - width // 2
                    if 0 <= place < length:
                        around[c] += filters[c, i] * seen[place]
            energy[j] = weight @ np.tanh(w @ state + u @ key[j] + location @ around + b)
        alpha = np.exp(energy) / np.exp(energy).sum()
        seen = seen + alpha if cumulative else alpha
        rows.append(alpha)
    return np.stack(rows)


@pytest.mark.parametrize("cumulative", [False, True])
def test_equals_plain_loops(cumulative):
    layer = LocationSensitiveAttention(
        3, 4, features=5, channels=2, kernel=5, cumulative=cumulative
    ).double()
    torch.nn.init.normal_(layer.filters.weight, std=2.0)
    query = torch.randn(3, 6, 3, dtype=torch.float64)
    key = torch.randn(3, 8, 4, dtype=torch.float64)
    lengths = [8, 5, 1]
    contexts, weights = layer(query, key, lengths=torch.tensor(lengths), return_weights=True)
    for b, n in enumerate(lengths):
        expected = torch.from_numpy(plain(layer, query[b].numpy(), key[b].numpy(), n, cumulative))
        torch.testing.assert_close(weights[b, :, :n], expected, atol=1e-12, rtol=0)
        torch.testing.assert_close(contexts[b], expected @ key[b, :n], atol=1e-12, rtol=0)


def test_a_filter_that_looks_back_moves_one_key_a_step():
    """With the last weights of the key before as the only energy, the alignment moves on."""
    layer = LocationSensitiveAttention(2, features=1, channels=1, kernel=3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.filters.weight[0, 0, 0] = 1.0  # the weight of the key before
        layer.location.weight.fill_(5.0)
        layer.score.weight.fill_(50.0)
    source, _ = layer.begin(torch.zeros(1, 5, 2, dtype=torch.float64))
    state = LocationState(torch.eye(5, dtype=torch.float64)[:1])
    places = []
    for _ in range(4):
        _, weights, state = layer.step(torch.zeros(1, 2, dtype=torch.float64), source, state)
        places.append(weights.argmax().item())
    assert places == [1, 2, 3, 4]


def test_refuses():
    with pytest.raises(RangeError, match="kernel is odd and ≥ 1, channels ≥ 1, and they are 4 and"):
        LocationSensitiveAttention(3, kernel=4)
    with pytest.raises(RangeError, match="they are 3 and 0"):
        LocationSensitiveAttention(3, kernel=3, channels=0)
