"""Steps with a cache equal the whole; what does not fit is refused and nothing is written."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard import masks
from regard.errors import KindError, RangeError, ShapeError
from regard.nn import KeyValueCache, MultiheadAttention, RotaryPositions


@settings(max_examples=30, deadline=None)
@given(
    pieces=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    spare=st.integers(0, 3),
    options=st.sampled_from(
        [
            {},
            {"kv_heads": 2},
            {"kv_heads": 1, "rotary": RotaryPositions(2, layout="halves")},
            {"rotary": RotaryPositions(2), "score": "additive"},
            {"score": "cosine", "normalizer": "sparsemax"},
        ]
    ),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_pieces_of_any_length_equal_the_whole(pieces, spare, options, dtype):
    torch.manual_seed(len(pieces))
    layer, count = MultiheadAttention(8, 4, **options).to(dtype), sum(pieces)
    x, before = torch.randn(2, count, 8, dtype=dtype), torch.tensor([0, 1])
    unpadded = ~masks.padding(before)  # padding on the left, as prompts have it
    with torch.no_grad():
        whole, weights = layer(x, mask=masks.causal() & unpadded, return_weights=True)
        cache, done = layer.allocate(2, count + spare), 0
        for piece in pieces:
            part = x[:, done : done + piece]
            got, rows = layer(part, cache=cache, mask=unpadded, return_weights=True)
            want = whole[:, done : done + piece]
            atol = 1e-6 if dtype == torch.float64 else 1e-5
            torch.testing.assert_close(got, want, atol=atol, rtol=0)
            seen = weights[..., done : done + piece, : done + piece]
            torch.testing.assert_close(rows, seen, atol=atol, rtol=0)
            done += piece
    assert cache.length == count


def test_memory_is_allocated_once():
    cache = KeyValueCache(2, 3, 5, 4)
    places = {cache.append(*torch.ones(2, 2, 3, n, 4)).key.data_ptr() for n in (2, 1, 2)}
    assert len(places) == 1
    assert cache.projected.key.shape == (2, 3, 5, 4)


def test_rows_are_reordered():
    layer = MultiheadAttention(8, 2)
    x, rows = torch.randn(3, 5, 8), torch.tensor([2, 2, 0])
    with torch.no_grad():
        cache = layer.allocate(3, 5)
        layer(x[:, :4], cache=cache)
        cache.reorder(rows)
        got = layer(x[rows][:, 4:], cache=cache)
        torch.testing.assert_close(got, layer(x[rows], mask=masks.causal())[:, 4:])
        wider = layer.allocate(3, 5)
        layer(x[:, :4], cache=wider)
        wider.reorder(torch.tensor([0, 0, 1, 1, 2, 2]))
        assert (wider.batch, wider.length, wider.capacity) == (6, 4, 5)
        twice = x.repeat_interleave(2, 0)
        got = layer(twice[:, 4:], cache=wider)
        torch.testing.assert_close(got, layer(twice, mask=masks.causal())[:, 4:])


def test_what_is_cut_off_is_forgotten():
    layer, x = MultiheadAttention(8, 2), torch.randn(1, 5, 8)
    with torch.no_grad():
        cache = layer.allocate(1, 5)
        layer(x, cache=cache)
        cache.truncate(2)
        again = layer(x[:, 2:3], cache=cache)
    torch.testing.assert_close(again, layer(x, mask=masks.causal())[:, 2:3])
    with pytest.raises(RangeError, match="holds 3 tokens, and cannot be cut to 4"):
        cache.truncate(4)


def test_a_call_that_raises_writes_nothing():
    layer, x = MultiheadAttention(8, 2), torch.randn(1, 4, 8)
    with torch.no_grad():
        cache = layer.allocate(1, 4)
        layer(x[:, :2], cache=cache)
        with pytest.raises(ShapeError, match="masks.dense"):
            layer(x[:, 2:3], cache=cache, mask=masks.dense(torch.ones(1, 7, dtype=torch.bool)))
        assert cache.length == 2
        got = layer(x[:, 2:], cache=cache)
        torch.testing.assert_close(got, layer(x, mask=masks.causal())[:, 2:])


def test_under_autocast_a_cache_holds_its_dtype():
    layer, x = MultiheadAttention(8, 2, rotary=RotaryPositions(4)), torch.randn(1, 3, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        cache = layer.allocate(1, 3)
        parts = [layer(part, cache=cache) for part in x.split([2, 1], 1)]
        whole = layer(x, mask=masks.causal())
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    with torch.no_grad():
        outside = layer.allocate(1, 3, dtype=torch.bfloat16)
        with pytest.raises(KindError, match="allocate it with dtype=torch.float32"):
            layer(x, cache=outside)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(layer(x, cache=outside), whole)
            double = layer.double().allocate(1, 3)  # autocast leaves it alone
            layer(x.double(), cache=double)


def test_inference_mode_makes_caches_that_live_on_outside():
    layer, x = MultiheadAttention(8, 2), torch.randn(2, 3, 8)
    with torch.inference_mode():
        cache = layer.allocate(1, 3)
        layer(x[:1, :1], cache=cache)
    with torch.no_grad():
        layer(x[:1, 1:2], cache=cache)
    with torch.inference_mode():
        cache.reorder(torch.tensor([0, 0]))
    with torch.no_grad():
        got = layer(x[:, 2:], cache=cache)
        want = layer(torch.cat([x[:1, :2].expand(2, 2, 8), x[:, 2:]], 1))
    torch.testing.assert_close(got, want[:, 2:])


def test_keys_of_cosine_become_unit_vectors_once():
    layer, seen, x = MultiheadAttention(8, 2, score="cosine"), [], torch.randn(1, 5, 8)
    layer.score.key.register_forward_hook(lambda _, given, out: seen.append(given[0].shape[-2]))
    with torch.no_grad():
        cache = layer.allocate(1, 5)
        for part in x.split([3, 1, 1], 1):
            layer(part, cache=cache)
    assert seen == [3, 1, 1]
    torch.testing.assert_close(cache.projected.key.norm(dim=-1), torch.ones(1, 2, 5))


def test_a_full_cache_says_how_much_it_holds():
    cache = KeyValueCache(1, 1, 4, 2)
    cache.append(*torch.ones(2, 1, 1, 3, 2))
    with pytest.raises(RangeError, match="room for 4 tokens and holds 3, and 2 more.*capacity ≥ 5"):
        cache.append(*torch.zeros(2, 1, 1, 2, 2))
    assert cache.length == 3
    assert bool((cache.projected.key == 1).all())


def test_gradients_are_refused_and_not_lost():
    layer = MultiheadAttention(8, 2).eval()
    cache = layer.allocate(1, 2)
    with pytest.raises(KindError, match="records no gradients.*torch.no_grad"):
        layer(torch.zeros(1, 1, 8), cache=cache)
    assert cache.length == 0
    with torch.inference_mode():
        layer(torch.zeros(1, 1, 8), cache=cache)


def test_refuses():
    with pytest.raises(RangeError, match="capacity of at least 1, and it is 0"):
        KeyValueCache(1, 2, 0, 4)
    layer, cache = MultiheadAttention(8, 4, kv_heads=2), KeyValueCache(3, 2, 5, 2)
    with torch.no_grad():
        with pytest.raises(ShapeError, match=r"\(3, 2, T, 2\), and got \(2, 2, 1, 2\)"):
            layer(torch.zeros(2, 1, 8), cache=cache)
        with pytest.raises(ShapeError, match=r"\(3, 2, T, 2\), and got \(3, 4, 1, 2\)"):
            MultiheadAttention(8, 4)(torch.zeros(3, 1, 8), cache=cache)
        with pytest.raises(KindError, match="holds torch.float32 on cpu, and the keys are torch.f"):
            layer.double()(torch.zeros(3, 1, 8, dtype=torch.float64), cache=cache)
        with pytest.raises(KindError, match=r"read\(query, project\(key, value\)\)"):
            layer(*torch.zeros(2, 3, 1, 8, dtype=torch.float64), cache=cache)
    for rows in (torch.zeros(3), torch.ones(3, dtype=torch.bool), [0, 1]):
        with pytest.raises(KindError, match=r"rows \(N,\) are a tensor of integers, and came as"):
            cache.reorder(rows)
    with pytest.raises(ShapeError, match=r"rows are numbers \(N,\).*came as \(1, 3\)"):
        cache.reorder(torch.tensor([[0, 1, 2]]))
    for row in (3, -1):
        with pytest.raises(RangeError, match=f"3 rows, 0 … 2, and row {row} was asked for"):
            cache.reorder(torch.tensor([0, row]))
    with pytest.raises(KindError, match="whole number for capacity, and got 2.5"):
        layer.allocate(1, 2.5)
    with pytest.raises(KindError, match="whole number for length, and got 0.0"):
        cache.truncate(0.0)
    assert cache.length == 0
