"""What every recurrent alignment keeps, whatever its formula: laws, with a length for each row."""

import math

import pytest
import torch

from regard.errors import KindError, RangeError, ShapeError
from regard.nn.coverage import CoverageAttention
from regard.nn.location_sensitive import LocationSensitiveAttention
from regard.nn.monotonic import MonotonicAttention

B, T, K, E, F, D = 4, 3, 5, 2, 3, 4
LENGTHS = torch.tensor([5, 3, 0, 1])
LAYERS = {
    "location": lambda: LocationSensitiveAttention(E, F, features=D, channels=2, kernel=3),
    "cumulative": lambda: LocationSensitiveAttention(
        E, F, features=D, channels=2, kernel=9, cumulative=True
    ),
    "location sparse": lambda: LocationSensitiveAttention(E, F, kernel=1, normalizer="sparsemax"),
    "coverage": lambda: CoverageAttention(E, F, features=D),
    "monotonic": lambda: MonotonicAttention(E, F, features=D, noise=0.0),
    "hard": lambda: MonotonicAttention(E, F, features=D, hard=True, offset=0.0),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def made(name: str, dtype: torch.dtype = torch.float64):
    layer = LAYERS[name]().to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(2)  # weights far from even ones
    query, key, value = (
        torch.randn(B, n, width, dtype=dtype, requires_grad=True)
        for n, width in ((T, E), (K, F), (K, 2))
    )
    return layer, query, key, value


def gradients(output, layer, *inputs):
    output.square().sum().backward()
    wanted = (*inputs, *layer.parameters())
    found = [torch.zeros_like(x) if x.grad is None else x.grad for x in wanted]
    for x in wanted:
        x.grad = None
    return found


@every_layer
def test_gradcheck(name):
    layer, query, key, value = made(name)

    def run(query, key, value, *_):
        return layer(query, key, value, lengths=LENGTHS, return_weights=True)

    assert torch.autograd.gradcheck(run, (query, key, value, *layer.parameters()))


@every_layer
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_step_by_step_is_forward_and_projects_once(name, dtype):
    layer, query, key, value = made(name, dtype)
    contexts, weights = layer(query, key, value, lengths=LENGTHS, return_weights=True)
    calls = []
    layer.score.key.register_forward_hook(lambda *_: calls.append(1))
    source, state = layer.begin(key, value, LENGTHS)
    for t in range(T):
        step = layer.step(query[:, t], source, state)
        state = step.state
        tolerance = 1e-6 if dtype == torch.float64 else 1e-5
        torch.testing.assert_close(step.context, contexts[:, t], atol=tolerance, rtol=0)
        torch.testing.assert_close(step.weights, weights[:, t], atol=tolerance, rtol=0)
    assert len(calls) == 1


@every_layer
def test_padding_may_hold_anything_and_rows_of_nothing_are_zeros(name):
    layer, query, key, value = made(name)
    contexts, weights = layer(query, key, value, lengths=LENGTHS, return_weights=True)
    plain = gradients(contexts, layer, query, key, value)
    padded = torch.arange(K) >= LENGTHS[:, None]
    assert not weights.transpose(1, 2)[padded].any()
    assert not contexts[2].any()
    for poison in (math.nan, math.inf, 1e30):
        bad_key, bad_value = (
            x.detach().masked_fill(padded[..., None], poison).requires_grad_() for x in (key, value)
        )
        again, same = layer(query, bad_key, bad_value, lengths=LENGTHS, return_weights=True)
        assert torch.equal(again, contexts)
        assert torch.equal(same, weights)
        found = gradients(again, layer, query, bad_key, bad_value)
        assert all(torch.equal(x, y) for x, y in zip(found, plain, strict=True))


@every_layer
def test_a_row_is_what_it_is_alone_without_its_padding(name):
    layer, query, key, value = made(name)
    contexts, weights = layer(query, key, value, lengths=LENGTHS, return_weights=True)
    for b, length in enumerate(LENGTHS.tolist()):
        alone = layer(
            query[b : b + 1],
            key[b : b + 1, :length],
            value[b : b + 1, :length],
            return_weights=True,
        )
        torch.testing.assert_close(alone[0][0], contexts[b], atol=1e-12, rtol=0)
        torch.testing.assert_close(alone[1][0], weights[b, :, :length], atol=1e-12, rtol=0)


@every_layer
def test_a_wrong_length_is_noticed(name):
    """The laws above fail where the lengths of one row are given to another."""
    layer, query, key, value = made(name)
    right = layer(query, key, value, lengths=LENGTHS)
    assert (right - layer(query, key, value, lengths=LENGTHS.flip(0))).abs().max() > 1e-3


@every_layer
def test_a_search_may_reorder_states(name):
    layer, query, key, value = made(name)
    source, state = layer.begin(key, value, LENGTHS)
    state = layer.step(query[:, 0], source, state).state
    order = torch.tensor([1, 1, 0, 3])
    moved = type(state)(*(x[order] for x in state))
    chosen = type(source)(*(x[order] for x in source))
    step = layer.step(query[order, 1], chosen, moved)
    expected = layer.step(query[:, 1], source, state)
    torch.testing.assert_close(step.weights, expected.weights[order])


@every_layer
@pytest.mark.parametrize(("steps", "keys"), [(0, K), (T, 0), (1, 1)])
def test_sizes_at_the_end(name, steps, keys):
    layer, query, key, value = made(name)
    contexts, weights = layer(query[:, :steps], key[:, :keys], value[:, :keys], return_weights=True)
    assert contexts.shape == (B, steps, 2)
    assert weights.shape == (B, steps, keys)


@every_layer
def test_autocast_and_halves(name):
    layer, query, key, value = made(name, torch.float32)
    expected = layer(query, key, value, lengths=LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        assert (layer(query, key, value, lengths=LENGTHS) - expected).isfinite().all()
    half = [x.detach().bfloat16() for x in (query, key, value)]
    assert layer.bfloat16()(*half, lengths=LENGTHS).dtype == torch.bfloat16


def test_refuses():
    layer, query, key, value = made("coverage")
    with pytest.raises(ShapeError, match=r"query \(B, T, E\) of 2 features, and got \(4, 2\)"):
        layer(query[:, 0], key)
    with pytest.raises(ShapeError, match=r"key \(B, K, F\) of 3 features, and got \(4, 3, 2\)"):
        layer(query, query)
    with pytest.raises(ShapeError, match=r"value is \(B, K, V\) for a key \(4, 5, 3\)"):
        layer(query, key, value[:, 1:])
    with pytest.raises(ShapeError, match=r"one per row of the batch, \(4,\), and they are \(3,\)"):
        layer(query, key, lengths=LENGTHS[:3])
    with pytest.raises(KindError, match="whole numbers"):
        layer(query, key, lengths=LENGTHS > 0)
    with pytest.raises(ShapeError, match="query has 1 rows in its batch, and what is read has 4"):
        layer(query[:1], key)
    source, state = layer.begin(key)
    with pytest.raises(ShapeError, match=r"query \(B, E\) of 2 features, and got \(4, 3, 2\)"):
        layer.step(query, source, state)


@every_layer
def test_refuses_the_state_of_another_source(name):
    layer, query, key, value = made(name)
    source, state = layer.begin(key, value, LENGTHS)
    for other in (state[0][:1], state[0][:, :1]):
        with pytest.raises(
            ShapeError, match=r"of the state is \(B, K\) = \(4, 5\) for this source"
        ):
            layer.step(query[:, 0], source, type(state)(other))


def test_refuses_sizes_below_1():
    for wrong in ({"query_features": 0}, {"query_features": 4, "features": 0}):
        with pytest.raises(RangeError, match="features of at least 1, and it is 0"):
            CoverageAttention(**wrong)
