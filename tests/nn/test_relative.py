"""Shaw's relative positions against the paper's equations, in plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regard.nn.relative
from regard import biases, masks
from regard.engines import blocks
from regard.errors import KindError, RangeError, ShapeError
from regard.nn import RelativeAttention

DOUBLE = torch.float64


def in_loops(layer, query, key, allowed):
    """Eq. 3 and 4 of arXiv:1803.02155 for each head, with a^K_ij and a^V_ij written down."""
    k, size = layer.max_distance, layer.head_dim
    w = layer.in_proj_weight.split(list(layer._sizes))
    b = layer.in_proj_bias.split(list(layer._sizes))
    contexts, rows = [], []
    offset, groups = len(key) - len(query), layer.num_heads // layer.kv_heads
    for h in range(layer.num_heads):
        of_q = slice(h * size, (h + 1) * size)
        of_k = slice(h // groups * size, (h // groups + 1) * size)
        q = (query @ w[0].T + b[0])[:, of_q]
        keys, values = (key @ w[1].T + b[1])[:, of_k], (key @ w[2].T + b[2])[:, of_k]
        z = torch.zeros(len(query), size, dtype=DOUBLE)
        alpha = torch.zeros(len(query), len(key), dtype=DOUBLE)
        for i in range(len(query)):
            seen = [j for j in range(len(key)) if allowed(i, j)]
            place = {j: max(-k, min(k, j - (i + offset))) + k for j in seen}
            e = [
                float(q[i] @ (keys[j] + layer.key_table[place[j]])) / math.sqrt(size) for j in seen
            ]
            total = sum(math.exp(x) for x in e)
            for j, x in zip(seen, e, strict=True):
                alpha[i, j] = math.exp(x) / total
                z[i] += alpha[i, j] * (values[j] + layer.value_table[place[j]])
        contexts.append(z)
        rows.append(alpha)
    return layer.out_proj(torch.cat(contexts, -1)), torch.stack(rows)


@torch.no_grad()
@settings(max_examples=20, deadline=None)
@given(
    queries=st.integers(1, 5),
    more=st.integers(0, 3),
    distance=st.integers(0, 4),
    kv_heads=st.sampled_from([1, 2, 4]),
    pairs=st.sampled_from([1, 9, 10**6]),
)
def test_equals_the_paper_in_loops(queries, more, distance, kv_heads, pairs):
    torch.manual_seed(queries)
    layer = RelativeAttention(8, 4, distance, kv_heads=kv_heads).double()
    torch.nn.init.normal_(layer.in_proj_bias)
    keys, lengths = queries + more, [queries + more, 1]
    query = torch.randn(2, queries, 8, dtype=DOUBLE)
    key = torch.randn(2, keys, 8, dtype=DOUBLE)
    mask = masks.causal() & masks.padding(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regard.nn.relative, "PAIRS_AT_ONCE", pairs)
        output, weights = layer(query, key, mask=mask, return_weights=True)
    for b in range(2):
        want = in_loops(layer, query[b], key[b], lambda i, j, b=b: j < lengths[b] and j <= i + more)
        torch.testing.assert_close(output[b], want[0])
        torch.testing.assert_close(weights[b], want[1])


@pytest.mark.parametrize("pairs", [3, 10**6])
def test_gradients_reach_both_tables(pairs, monkeypatch):
    monkeypatch.setattr(regard.nn.relative, "PAIRS_AT_ONCE", pairs)
    layer = RelativeAttention(4, 2, 1).double()
    x = torch.randn(1, 3, 4, dtype=DOUBLE, requires_grad=True)
    bias = torch.randn(3, 3, dtype=DOUBLE, requires_grad=True)

    def run(x, bias, *_):
        return layer(x, mask=masks.causal(), bias=biases.dense(bias))

    assert torch.autograd.gradcheck(run, (x, bias, *layer.parameters()))


def test_blocks_change_nothing_in_training(monkeypatch):
    """Dropout draws the same again when a block is computed again."""
    x = torch.randn(2, 6, 8)
    layer = RelativeAttention(8, 2, 2, dropout=0.5)
    found = []
    for nested in (False, True):
        monkeypatch.setattr(regard.nn.relative, "PAIRS_AT_ONCE", 60)
        monkeypatch.setattr(blocks, "PAIRS_AT_ONCE", 12 if nested else 2**20)
        torch.manual_seed(1)
        layer.zero_grad()
        output = layer(x)
        output.square().sum().backward()
        found.append([output.detach(), *[p.grad.clone() for p in layer.parameters()]])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_without_tables_it_is_multi_head_attention():
    layer = RelativeAttention(8, 2, 3)
    torch.nn.init.zeros_(layer.key_table)
    torch.nn.init.zeros_(layer.value_table)
    plain = regard.nn.MultiheadAttention(8, 2)
    plain.load_state_dict(layer.state_dict(), strict=False)
    x, bias = torch.randn(2, 5, 8), biases.dense(torch.randn(5, 5))
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer(x, bias=bias), plain(x, bias=bias))


def test_dropout_drops_from_keys_and_table_and_is_drawn_again_in_the_backward_pass():
    """The output is linear in the table of values: its gradient times a change is the change."""
    layer, x = RelativeAttention(8, 2, 2, dropout=0.5).double(), torch.randn(1, 6, 8, dtype=DOUBLE)
    assert not torch.equal(layer(x), layer(x))

    def total():
        torch.manual_seed(3)
        return layer(x).sum()

    before = total()
    before.backward()
    change = torch.randn_like(layer.value_table)
    with torch.no_grad():
        layer.value_table += change
    torch.testing.assert_close(total() - before, (layer.value_table.grad * change).sum())
    assert torch.equal(layer.eval()(x), layer(x))
    layer.train().dropout = 1.0
    torch.testing.assert_close(layer(x), layer.out_proj.bias.expand(1, 6, 8))


def test_padding_may_hold_anything_and_changes_nothing():
    layer = RelativeAttention(8, 2, 2).double()
    query, key = torch.randn(3, 4, 8, dtype=DOUBLE), torch.randn(3, 5, 8, dtype=DOUBLE)
    lengths = [5, 2, 0]
    key[torch.arange(5) >= torch.tensor(lengths)[:, None]] = torch.nan
    output, weights = layer(query, key, mask=masks.padding(lengths), return_weights=True)
    output.sum().backward()
    assert weights.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    whole = layer(key, mask=masks.padding(lengths))
    for b, length in enumerate(lengths):
        torch.testing.assert_close(whole[b, :length], layer(key[b : b + 1, :length])[0])
    other = key.clone()
    other[torch.isnan(other)] = 7.0
    torch.testing.assert_close(layer(query, other, mask=masks.padding(lengths)), output)
    torch.testing.assert_close(output[2], layer.out_proj.bias.expand(4, 8))
    np.testing.assert_array_equal(weights[2].detach(), 0)


def test_steps_with_a_cache_equal_the_whole():
    layer = RelativeAttention(8, 2, 2, kv_heads=1).double()
    x = torch.randn(2, 6, 8, dtype=DOUBLE)
    with torch.no_grad():
        cache = layer.allocate(2, 6)
        parts = [layer(part, cache=cache) for part in x.split([3, 1, 1, 1], 1)]
        whole = layer(x, mask=masks.causal())
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-6, rtol=0)


def test_nothing_of_size_queries_by_keys_by_features_is_made():
    layer, sizes = RelativeAttention(8, 2, 2), []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    with Sizes(), torch.no_grad():
        layer(torch.randn(1, 64, 8))
    assert max(sizes) == 2 * 64 * 64  # one number for each pair and head


def test_refuses():
    with pytest.raises(ShapeError, match=r"the same length K, and are \(1, 3, 8\) and \(1, 4, 8"):
        RelativeAttention(8, 2, 1)(*(torch.zeros(1, n, 8) for n in (2, 3, 4)))
    with pytest.raises(RangeError, match="max_distance is at least 0 tokens, and it is -1"):
        RelativeAttention(8, 2, -1)
    with pytest.raises(KindError, match="whole number for max_distance, and got 2.5"):
        RelativeAttention(8, 2, 2.5)
