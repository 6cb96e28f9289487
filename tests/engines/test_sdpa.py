"""The sdpa engine: on torch's fused kernel for every call that it takes, and right there."""

from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import regard
from conformance import pairwise
from conformance.cases import AXES, valid
from conformance.problem import Problem
from conformance.test_laws import small_blocks
from regard import biases, errors, masks, scores

FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"
UNFUSED = "aten::_scaled_dot_product_attention_math"
TAKEN = {
    axis: [value for value in values if valid({"engine": "sdpa", axis: value})]
    for axis, values in AXES.items()
} | {"engine": ["sdpa", "sdpa in blocks"]}
CASES = [Problem(case, seed) for seed, case in enumerate(pairwise.covering(TAKEN, valid, seed=1))]


def kernels(call: Any) -> set[str]:
    """Names of the operators that a call runs."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        call()
    return {event.key for event in record.key_averages()}


def assert_fused(call: Any) -> None:
    ran = kernels(call)
    assert FUSED in ran
    assert UNFUSED not in ran


def test_every_call_is_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, problem in enumerate(CASES):
        with monkeypatch.context() as patch:
            if problem.case["engine"].endswith("in blocks"):
                small_blocks(patch)
            inputs = problem.inputs(gradients=number % 2 == 0)
            ran = kernels(lambda p=problem, i=inputs: p.attend(i))
        assert FUSED in ran, problem.case
        assert UNFUSED not in ran, problem.case


def test_the_backward_pass_is_fused_too() -> None:
    query = torch.randn(2, 3, 5, 4).requires_grad_()
    output = regard.attend(query, query, query[..., :3], mask=masks.window(2, 0), engine="sdpa")
    ran = kernels(lambda: output.sum().backward())
    assert FUSED + "_backward" in ran


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
        lambda x: torch.stack([x, x], -1).flatten(-2)[..., ::2],
        lambda x: torch.stack([x, x], -1).flatten(-2)[..., ::2][..., :1],
        lambda x: x[:1].expand(2, 3, 5, 4),
        lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    ],
    ids=["columns first", "every other", "one feature", "expanded", "heads inside"],
)
def test_memory_in_any_layout_is_fused(change: Any) -> None:
    query, key, value = (change(torch.randn(2, 3, 5, 4)) for _ in "qkv")
    call = lambda: regard.attend(query, key, value, engine="sdpa")  # noqa: E731
    assert_fused(call)
    want = regard.attend(query, key, value, engine="reference")
    torch.testing.assert_close(call(), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mask", [None, masks.causal(), masks.window(3, 3)], ids=str)
def test_rows_without_any_key_in_the_first_tiles_of_the_kernel(mask: Any) -> None:
    # The kernel walks over keys 512 at a time; a row may see none of the first of them.
    length = 1500
    query = torch.randn(2, length, 8)
    late = masks.predicate(lambda q, k: k >= q.clamp(max=1400))
    both = late if mask is None else late & mask
    got = regard.attend(query, query, query, mask=both, engine="sdpa")
    want = regard.attend(query, query, query, mask=both, engine="reference")
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("queries", "keys"), [(512, 256), (256, 512), (700, 128), (130, 700)])
def test_many_blocks_that_see_no_key(
    queries: int, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries beyond the last key, and before the first: extents are empty at either end."""
    monkeypatch.setattr(regard.engines.blocks, "PAIRS_AT_ONCE", 4096)
    query, key = torch.randn(queries, 4).requires_grad_(), torch.randn(keys, 4).requires_grad_()
    for align in ("start", "end"):
        mask = masks.window(3, 2, align=align)
        results = []
        for engine in ("sdpa", "streaming", "reference"):
            output = regard.attend(query, key, key, mask=mask, engine=engine)
            gradients = torch.autograd.grad(output.pow(2).sum(), (query, key))
            results.append((output, *gradients))
        for got in results[:2]:
            torch.testing.assert_close(got, results[2], rtol=1e-4, atol=1e-5)


def test_what_lies_right_of_the_triangle_is_not_looked_at() -> None:
    query, key = torch.randn(3, 4), torch.randn(700, 4)
    key[3:] = torch.nan
    output = regard.attend(query, key, key, mask=masks.causal(align="start"), engine="sdpa")
    assert output.isfinite().all()


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"score": scores.Additive(torch.ones(4))}, "not an inner product"),
        ({"score": lambda q, k: q @ k.mT}, "not an inner product"),
        ({"normalizer": "sparsemax"}, "not softmax"),
        ({"dropout_p": 0.5}, "dropout"),
        ({"bias": biases.dense(torch.zeros(3, 3).requires_grad_())}, "no gradient to a bias"),
    ],
)
def test_refuses_with_the_reason(keywords: Any, reason: str) -> None:
    x = torch.randn(3, 4)
    with pytest.raises(errors.EngineError, match=reason):
        regard.attend(x, x, x, engine="sdpa", **keywords)
    assert regard.attend(x, x, x, **keywords).shape == (3, 4)


def test_a_bias_that_learns_is_fused_where_nothing_is_recorded() -> None:
    x, values = torch.randn(3, 4), torch.zeros(3, 3).requires_grad_()
    with torch.no_grad():
        assert_fused(lambda: regard.attend(x, x, x, bias=biases.dense(values), engine="sdpa"))
