"""Masks against brute force: every pair asked one by one, in any expression of &, | and ~."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regard
from regard import errors, masks
from regard.engines.call import TORCH
from regard.grid import Grid

Rule = Callable[[int, int, int], bool]  # (row of the batch, query, key) -> may it see?
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


@st.composite
def expressions(draw: Any) -> tuple[tuple[int, int, int], masks.Mask, Rule]:
    """Sizes (B, Q, K), a mask, and the rule it stands for."""
    b, n, m = sizes = draw(SIZES)
    ends = st.one_of(st.none(), st.integers(0, 5))
    numbers = lambda *shape: np.array(  # noqa: E731
        draw(
            st.lists(st.integers(0, 9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
        )
    ).reshape(shape)

    def leaf() -> tuple[masks.Mask, Rule]:
        kind = draw(
            st.sampled_from(["window", "positions", "padding", "segments", "dense", "rule"])
        )
        before, after = draw(ends), draw(ends)
        if kind == "window":
            start = draw(st.booleans())
            offset = 0 if start else m - n
            return (
                masks.window(before, after, align="start" if start else "end"),
                lambda _, i, j: (
                    (before is None or j >= i + offset - before)
                    and (after is None or j <= i + offset + after)
                ),
            )
        if kind == "positions":
            at = numbers(b, n)
            return (
                masks.window(before, after, query_positions=at),
                lambda r, i, j: (
                    (before is None or j >= at[r, i] - before)
                    and (after is None or j <= at[r, i] + after)
                ),
            )
        if kind == "padding":
            lengths = numbers(b)
            return masks.padding(lengths), lambda r, _, j: j < lengths[r]
        if kind == "segments":
            of_query, of_key = numbers(b, n) % 3, numbers(b, m) % 3
            return masks.segments(of_query, of_key), lambda r, i, j: of_query[r, i] == of_key[r, j]
        if kind == "dense":
            allowed = numbers(b, n, m) < 5
            return masks.dense(allowed), lambda r, i, j: allowed[r, i, j]
        return masks.predicate(
            lambda q, k: (q * 2 + k) % 3 == 0
        ), lambda _, i, j: (i * 2 + j) % 3 == 0

    def tree(depth: int) -> tuple[masks.Mask, Rule]:
        kind = draw(st.sampled_from(["leaf", "and", "or", "not"])) if depth else "leaf"
        if kind == "leaf":
            return leaf()
        mask, rule = tree(depth - 1)
        if kind == "not":
            return ~mask, lambda *at: not rule(*at)
        other, its_rule = tree(depth - 1)
        if kind == "and":
            return mask & other, lambda *at: rule(*at) and its_rule(*at)
        return mask | other, lambda *at: rule(*at) or its_rule(*at)

    return (sizes, *tree(3))


@settings(max_examples=150, deadline=None)
@given(expressions(), st.data())
def test_tile_and_extent_say_what_the_rule_says(expression: Any, data: Any) -> None:
    (b, n, m), mask, rule = expression
    start = data.draw(st.integers(0, n - 1))
    rows = range(start, data.draw(st.integers(start + 1, n)))
    first = data.draw(st.integers(0, m - 1))
    columns = range(first, data.draw(st.integers(first + 1, m)))
    want = np.array([[[rule(r, i, j) for j in range(m)] for i in rows] for r in range(b)])
    for xp in (TORCH, np):
        grid = Grid((b,), n, m, rows, columns, xp, "cpu")
        tile = np.broadcast_to(np.asarray(mask.tile(grid)), (b, len(rows), len(columns)))
        np.testing.assert_array_equal(tile, want[..., first : columns.stop])
        keys, full = mask.extent(grid)
        outside = np.delete(want, list(keys), axis=-1)
        assert not outside.any(), "a key that is seen lies outside the extent"
        assert not full or want[..., keys.start : keys.stop].all()
    if mask.per_key:
        assert (want == want[:, :1]).all()
    if mask.is_triangle(Grid((b,), n, m, range(n), range(m), TORCH, "cpu")):
        assert all(rule(r, i, j) == (j <= i) for r in range(b) for i in rows for j in range(m))


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_weights_lie_where_the_rule_allows(expression: Any) -> None:
    (b, n, m), mask, rule = expression
    weights = regard.weights(torch.zeros(b, n, 1), torch.zeros(b, m, 1), mask=mask)
    for r in range(b):
        for i in range(n):
            seen = [rule(r, i, j) for j in range(m)]
            want = np.array(seen) / max(sum(seen), 1)
            np.testing.assert_allclose(weights[r, i], want, atol=1e-6)


def _seen(mask: masks.Mask, n: int, m: int) -> list[list[int]]:
    weights = regard.weights(torch.zeros(n, 1), torch.zeros(m, 1), mask=mask)
    return [row.nonzero().flatten().tolist() for row in weights]


def test_causal_is_aligned_at_the_end() -> None:
    """Trap 7, rule 2: the last query sits at the last key."""
    assert _seen(masks.causal(), 2, 4) == [[0, 1, 2], [0, 1, 2, 3]]
    assert _seen(masks.causal(align="start"), 2, 4) == [[0], [0, 1]]
    assert _seen(masks.causal(), 4, 2) == [[], [], [0], [0, 1]]


def test_torch_aligns_the_triangle_at_the_start() -> None:
    """Trap 7: the same word, another triangle; ours is asked for by name."""
    query, key = torch.randn(1, 1, 2, 4), torch.randn(1, 1, 4, 4)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, key, key, is_causal=True)
    for mask, same in ((masks.causal(), False), (masks.causal(align="start"), True)):
        assert torch.allclose(regard.attend(query, key, key, mask=mask), theirs) == same


def test_window_has_both_ends() -> None:
    """Rule 3: p − before … p + after, both included."""
    assert _seen(masks.window(1, 0), 3, 3) == [[0], [0, 1], [1, 2]]
    assert _seen(masks.window(0, 1), 3, 3) == [[0, 1], [1, 2], [2]]
    assert _seen(masks.window(0, None), 2, 3) == [[1, 2], [2]]


def test_true_means_may_attend() -> None:
    """Rule 1; torch's two functions do not agree on it (trap 7)."""
    allowed = torch.tensor([[True, False]])
    query, key = torch.ones(1, 4), torch.ones(2, 4)
    mask = masks.dense(allowed)
    assert regard.weights(query, key, mask=mask).tolist() == [[1.0, 0.0]]


def test_left_padding_by_positions() -> None:
    """Rule 2: two rows, one of them padded on the left by two; positions per row of the batch."""
    positions = torch.tensor([[0, 1, 2, 3], [-2, -1, 0, 1]])
    mask = masks.causal(query_positions=positions, key_positions=positions)
    real = masks.dense((positions >= 0)[:, None, :])
    weights = regard.weights(torch.zeros(2, 4, 1), torch.zeros(2, 4, 1), mask=mask & real)
    assert weights[1].tolist() == [[0] * 4, [0] * 4, [0, 0, 1, 0], [0, 0, 0.5, 0.5]]


def test_padding_and_causal_together_keep_both() -> None:
    """Trap 3: combined with the wrong operator, rows of padding or padded keys come back."""
    lengths = torch.tensor([1, 3])
    right = masks.causal() & masks.padding(lengths)
    wrong = masks.causal() | masks.padding(lengths)
    for mask, clean in ((right, True), (wrong, False)):
        weights = regard.weights(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), mask=mask)
        padding, future = weights[0, :, 1:].sum(), weights.triu(1).sum()
        assert (padding == 0 and future == 0) == clean


def test_lengths_belong_to_the_batch_never_to_the_heads() -> None:
    """Trap 2: B == H, so a mask laid along the heads has a shape that fits too."""
    lengths, n = [1, 3], 2
    query, key = torch.zeros(n, n, 1, 1), torch.zeros(n, n, 3, 1)
    weights = regard.weights(query, key, mask=masks.padding(lengths))
    per_head = torch.arange(3) < torch.tensor(lengths)[:, None, None]  # the trap: aligned right
    wrong = regard.weights(query, key, mask=masks.dense(per_head[None].expand(n, n, 1, 3)))
    for b, length in enumerate(lengths):
        for head in range(n):
            assert (weights[b, head] > 0).sum() == length
    assert not torch.equal(weights, wrong)


def test_masks_have_no_truth_value_and_combine_with_masks_only() -> None:
    with pytest.raises(errors.KindError, match="no truth value"):
        bool(masks.causal())
    for combine in (
        lambda: masks.causal() & torch.ones(2, 2, dtype=torch.bool),
        lambda: torch.ones(2, 2, dtype=torch.bool) & masks.causal(),
        lambda: np.ones((2, 2), bool) | masks.causal(),
    ):
        with pytest.raises(errors.KindError, match=r"masks\.dense"):
            combine()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_spans_and_extents_say_what_the_tile_says(
    queries: int, keys: int, before: int, after: int, positions: bool
) -> None:
    rng = np.random.default_rng(queries * 7 + keys)
    given_ = (
        {"query_positions": torch.tensor(rng.integers(-2, 8, (2, queries)))} if positions else {}
    )
    mask = masks.window(before, after, **given_) & masks.padding(torch.tensor([keys, keys // 2]))
    plane = Grid((2,), queries, keys, range(queries), range(keys), TORCH, "cpu")
    spans, tile = mask.spans(plane), mask.tile(plane).expand(2, queries, keys)
    assert spans is not None
    place = torch.arange(keys)
    assert torch.equal(((place >= spans.start) & (place < spans.stop)).expand_as(tile), tile)
    at_keys = masks.window(before, after, key_positions=torch.arange(keys).flip(0), **given_)
    assert at_keys.spans(plane) is None
    for rule in (mask, at_keys):
        for first in range(queries):
            rows = plane.at(range(first, queries), range(keys))
            seen = rule.tile(rows).reshape(-1, keys).any(0).nonzero().flatten().tolist()
            assert set(seen) <= set(rule.extent(rows).keys)
