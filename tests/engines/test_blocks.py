"""Cutting: every query in one block, no pair too many, keys that nobody sees left out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard import masks
from regard.engines import blocks
from regard.engines.call import Call, Parts


def call_of(queries: int, keys: int, mask: masks.Mask | None) -> Call:
    parts = Parts.of("dot", None, mask, "softmax")
    return Call.of(torch.zeros(queries, 1), torch.zeros(keys, 1), torch.zeros(keys, 1), parts)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 20), st.integers(1, 5000))
def test_blocks_cover_the_queries_in_order(
    queries: int, keys: int, before: int, at_once: int
) -> None:
    call = call_of(queries, keys, masks.window(before, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "PAIRS_AT_ONCE", at_once)
        cuts = blocks.cut(call, range(queries), keys)
    covered = [query for block in cuts for query in block.queries]
    assert covered == list(range(queries))
    for block in cuts:
        assert len(block.keys) >= 1
        assert block.keys.start >= 0
        assert block.keys.stop <= keys
        row = len(block.queries) == 1
        assert row or len(block.queries) * len(block.keys) <= at_once


def test_a_narrow_band_meets_few_keys() -> None:
    cuts = blocks.cut(call_of(8192, 8192, masks.window(64, 0)), range(8192), 8192)
    pairs = sum(len(block.queries) * len(block.keys) for block in cuts)
    assert pairs < 8192 * 65 * 4


def test_no_mask_meets_all() -> None:
    cuts = blocks.cut(call_of(4096, 4096, None), range(4096), 4096)
    assert all(block.keys == range(4096) for block in cuts)
    assert len(cuts) == 4096 * 4096 // blocks.PAIRS_AT_ONCE


def test_blocks_of_a_band_meet_the_band_and_little_more() -> None:
    """Of a score that makes 64 features of a pair, whose time is that of the pairs."""
    parts = Parts.of(lambda q, k: q @ k.mT, None, masks.window(128, 128), "softmax")
    x = torch.zeros(16384, 64)
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            cuts = blocks.cut_rows(Call.of(x, x, x, parts), range(16384))
        pairs = sum(len(block.queries) * len(block.keys) for block in cuts)
        assert pairs < 16384 * 257 * 1.3
        assert len(cuts) < 16384 / 30


def test_features_of_a_block_are_few_and_its_queries_not_too_few() -> None:
    parts = Parts.of(lambda q, k: q @ k.mT, None, None, "softmax")
    for keys, rows in ((2048, 8), (65536, blocks.FEWEST)):
        x = torch.zeros(keys, 64)
        cuts = blocks.cut_rows(Call.of(x, x, x, parts), range(keys))
        assert len(cuts[0].queries) == rows
