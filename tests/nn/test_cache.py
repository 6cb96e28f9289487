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
    with pytest.raises(ShapeError, match="integers"):
        cache.reorder(torch.zeros(3))
    assert cache.length == 0
