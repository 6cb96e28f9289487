"""ALiBi and T5's buckets: the papers' numbers, positions, gradients, memory."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import regard
from regard import biases, masks
from regard.grid import TORCH, Grid


def plane(bias: biases.Bias, batch: tuple[int, ...], n: int, m: int) -> torch.Tensor:
    grid = Grid(batch, n, m, range(n), range(m), TORCH, torch.device("cpu"))
    return torch.as_tensor(bias.tile(grid))


@pytest.mark.parametrize("heads", [1, 6, 8, 16])
def test_alibi_is_the_formula(heads: int) -> None:
    got = plane(biases.alibi(heads), (2, heads), 3, 5).expand(heads, 3, 5)
    for h in range(heads):
        for i in range(3):
            for j in range(5):
                want = -(2 ** (-8 * (h + 1) / heads)) * abs(i + 2 - j)
                assert abs(got[h, i, j].item() - want) < 1e-15


def test_alibi_of_the_paper_for_eight_heads() -> None:
    """§3: 1/2, 1/4, … 1/256."""
    got = plane(biases.alibi(8), (8,), 2, 2)[:, 1, 0]
    assert got.tolist() == [-(2.0**-h) for h in range(1, 9)]


def _bucket_of_the_paper(ahead: int, bidirectional: bool, count: int, furthest: int) -> int:
    """The authors' code, number by number and in float32."""
    bucket, back = 0, -ahead
    if bidirectional:
        count //= 2
        bucket, back = (count if back < 0 else 0), abs(back)
    else:
        back = max(back, 0)
    exact = count // 2
    if back < exact:
        return bucket + back
    ratio = torch.log(torch.tensor(back, dtype=torch.float32) / exact)
    step = (ratio / math.log(furthest / exact) * (count - exact)).to(torch.int64).item()
    return bucket + min(exact + int(step), count - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("count", "furthest"), [(32, 128), (8, 20), (64, 512), (4, 3)])
def test_buckets_are_those_of_the_paper(bidirectional: bool, count: int, furthest: int) -> None:
    values = torch.arange(count, dtype=torch.float64)
    bias = biases.bucketed(values, bidirectional=bidirectional, max_distance=furthest)
    n, m = 5, 2 * furthest + 9
    got = plane(bias, (), n, m)
    at_start = biases.bucketed(
        values, bidirectional=bidirectional, max_distance=furthest, align="start"
    )
    other = plane(at_start, (), m, n)
    for i in range(n):
        for j in range(m):
            ahead = j - (i + m - n)
            assert got[i, j] == _bucket_of_the_paper(ahead, bidirectional, count, furthest)
            assert other[j, i] == _bucket_of_the_paper(i - j, bidirectional, count, furthest)


@given(st.integers(0, 99))
def test_positions_of_each_row_of_the_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at_query, at_key = rng.integers(0, 30, (2, 3)), rng.integers(0, 30, (2, 4))
    places = {"query_positions": at_query, "key_positions": at_key}
    table = torch.tensor(rng.random((3, 8)))
    slopes = torch.tensor(rng.random(3))
    got = plane(biases.bucketed(table, max_distance=9, **places), (2, 3), 3, 4)
    lines = plane(biases.alibi(slopes, **places), (2, 3), 3, 4)
    for b, h, i, j in np.ndindex(2, 3, 3, 4):
        ahead = int(at_key[b, j] - at_query[b, i])
        assert got[b, h, i, j] == table[h, _bucket_of_the_paper(ahead, True, 8, 9)]
        assert abs(lines[b, h, i, j] + slopes[h] * abs(ahead)) < 1e-12


def test_biases_add_up() -> None:
    values = torch.randn(4, 4)
    x = torch.randn(2, 4, 3)
    both = biases.alibi(2) + biases.dense(values)
    got = regard.weights(x, x, bias=both)
    distance = (torch.arange(4)[:, None] - torch.arange(4)).abs()
    slopes = torch.tensor([2**-4, 2**-8])[:, None, None]
    want = torch.softmax(x @ x.mT / math.sqrt(3) + values - slopes * distance, -1)
    torch.testing.assert_close(got, want)
    hidden = biases.alibi(2) + biases.dense(torch.full((4, 4), -torch.inf))
    assert not regard.weights(x, x, bias=hidden).any()


@pytest.mark.parametrize("score", ["scaled_dot", "own"])
def test_gradients_reach_slopes_and_tables(score: str) -> None:
    x = torch.randn(2, 5, 3, dtype=torch.float64).requires_grad_()
    slopes = torch.rand(2, dtype=torch.float64).requires_grad_()
    table = torch.randn(2, 8, dtype=torch.float64).requires_grad_()

    def attend(x, slopes, table):
        both = biases.alibi(slopes) + biases.bucketed(table, max_distance=4)
        asked = score if score != "own" else (lambda q, k: (q @ k.mT).tanh())
        return regard.attend(x, x, x, score=asked, bias=both, mask=masks.causal())

    assert torch.autograd.gradcheck(attend, (x, slopes, table))


def test_alibi_streams_and_is_fused() -> None:
    """A bias that does not learn stays on torch's kernel, a block of it at a time; a learned one
    streams: neither holds (Q, K) numbers."""
    x = torch.randn(1, 2, 3000, 8)
    tiles = []

    class Watched(biases.Alibi):
        def tile(self, grid):
            tiles.append(len(grid.queries) * len(grid.keys))
            return super().tile(grid)

    fixed = biases.alibi(2)
    assert isinstance(fixed, biases.Alibi)
    assert regard.plan(x, x, x, bias=fixed).engine == "sdpa"
    with torch.no_grad():
        regard.attend(x, x, x, bias=Watched(fixed.slopes, fixed.positions))
    assert max(tiles) <= 2**20
    learned = biases.alibi(torch.rand(2).requires_grad_())
    assert regard.plan(x, x, x, bias=learned).engine == "streaming"


@pytest.mark.parametrize("mask", [None, masks.padding([1000]), ~masks.window(700, None)])
def test_halves_tell_far_keys_apart(mask: masks.Mask | None) -> None:
    """The bias of a far key is large, and a half that holds it does not hold its neighbour's."""
    x = torch.randn(1, 2, 1500, 8).bfloat16()
    bias = biases.alibi(2, align="end" if mask is not None else "start")
    query = x if mask is not None else x[:, :, :4]
    if mask is None:
        bias = biases.alibi(2, query_positions=torch.arange(4000, 4004))
    assert regard.plan(query, x, x, bias=bias, mask=mask).engine == "sdpa"
    got = regard.attend(query, x, x, bias=bias, mask=mask).float()
    want = regard.attend(query.double(), x.double(), x.double(), bias=bias, mask=mask)
    assert (got - want).abs().max() < 0.05


def test_unsigned_positions_do_not_wrap_around() -> None:
    at, x = torch.arange(5, dtype=torch.uint8), torch.zeros(5, 1)
    for narrow in (at, at.to(torch.int8), at.numpy()):
        places = {"query_positions": narrow, "key_positions": narrow}
        wide = {"query_positions": at.long(), "key_positions": at.long()}
        for rule in (biases.alibi, lambda t, **p: biases.bucketed(t, max_distance=2, **p)):
            table = torch.rand(1) if rule is biases.alibi else torch.rand(4)
            got = regard.weights(x, x, bias=rule(table, **places))
            assert torch.equal(got, regard.weights(x, x, bias=rule(table, **wide)))
        got = regard.weights(x, x, mask=masks.window(1, 0, **places))
        assert torch.equal(got, regard.weights(x, x, mask=masks.window(1, 0, **wide)))


def test_positions_of_each_head() -> None:
    at_key, table = torch.tensor([[0, 1, 2, 3], [10, 11, 12, 13]]), torch.randn(2, 8)
    bias = biases.bucketed(table, max_distance=16, key_positions=at_key)
    got = plane(bias, (2,), 3, 4)
    for h, i, j in np.ndindex(2, 3, 4):
        ahead = int(at_key[h, j]) - (i + 1)
        assert got[h, i, j] == table[h, _bucket_of_the_paper(ahead, True, 8, 16)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_row_of_large_numbers_is_a_row_of_none(dtype: torch.dtype) -> None:
    """People write the lowest number where a query is padding; softmax feels no constant, and the
    weights are those that made the output, on every engine."""
    query, key, value = ((3 * torch.randn(1, 2, n, 8)).to(dtype) for n in (4, 6, 6))
    for low in (torch.finfo(dtype).min, -3e4):
        added = torch.zeros(4, 6)
        added[0] = low
        output, weights = regard.attend(
            query, key, value, bias=biases.dense(added), return_weights=True
        )
        torch.testing.assert_close(output, weights @ value, atol=0.05, rtol=0.05)
        other = regard.attend(query, key, value, bias=biases.dense(added), engine="streaming")
        torch.testing.assert_close(output, other, atol=0.05, rtol=0.05)
