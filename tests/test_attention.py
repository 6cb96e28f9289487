"""attend and weights at their edges: sizes of 0, mixed dtypes, autocast, modes of torch."""

from typing import Any

import numpy as np
import pytest
import torch

import regard
from regard import masks, scores


def _score(name: str, features: int) -> Any:
    return scores.Additive(torch.ones(features)) if name == "additive" else name


@pytest.mark.parametrize("mask", [None, masks.causal(), ~masks.causal(), masks.window(1, 1)])
@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "hard"])
@pytest.mark.parametrize("score", ["dot", "cosine", "additive"])
def test_sizes_of_zero(score: str, normalizer: str, mask: Any) -> None:
    """Rule 8: no queries, no keys, no batch, no features, no features of the values."""
    for batch, n, m, e, v in (
        (2, 0, 3, 4, 5), (2, 3, 0, 4, 5), (0, 3, 3, 4, 5), (2, 3, 3, 0, 5), (2, 3, 3, 4, 0),
        (2, 0, 0, 4, 5), (0, 0, 0, 0, 0),
    ):  # fmt: skip
        shapes = ((batch, n, e), (batch, m, e), (batch, m, v))
        query, key, value = (torch.zeros(shape).requires_grad_() for shape in shapes)
        keywords = {"score": _score(score, e), "normalizer": normalizer, "mask": mask}
        output, weights = regard.attend(query, key, value, return_weights=True, **keywords)
        assert output.shape == (batch, n, v)
        assert weights.shape == (batch, n, m)
        assert not output.any()
        output.sum().backward()
        assert value.grad is not None
        assert value.grad.isfinite().all()
        if score != "additive":
            arrays = (x.detach().numpy() for x in (query, key, value))
            assert regard.attend(*arrays, **keywords).shape == (batch, n, v)


def test_one_query_of_one_dimension() -> None:
    query, key = torch.randn(4), torch.randn(3, 2, 5, 4)
    output, weights = regard.attend(query, key, key[..., :3], return_weights=True)
    assert output.shape == (3, 2, 3)
    assert weights.shape == (3, 2, 5)
    want = regard.attend(query[None], key, key[..., :3])[..., 0, :]
    assert torch.equal(output, want)


def test_mixed_dtypes_meet_in_the_wider() -> None:
    query, key = torch.randn(3, 4).bfloat16(), torch.randn(5, 4)
    output = regard.attend(query, key, key)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, regard.attend(query.float(), key, key))


@pytest.mark.parametrize("score", ["dot", "cosine", "additive"])
def test_autocast(score: str) -> None:
    """Rule 8: a bf16 query with float32 values; the output is what torch's function would give."""
    query, key, value = torch.randn(2, 3, 4).bfloat16(), torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    query.requires_grad_()
    value.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        mask = masks.window(2, 2)
        output = regard.attend(query, key, value, score=_score(score, 4), mask=mask)
    assert output.dtype == torch.bfloat16
    exact = (x.detach().double() for x in (query, key, value))
    part = scores.Additive(torch.ones(4).double()) if score == "additive" else score
    want = regard.attend(*exact, score=part, mask=mask)
    torch.testing.assert_close(output.double(), want, rtol=0.03, atol=0.03)
    output.sum().backward()
    assert query.grad is not None
    assert query.grad.dtype == torch.bfloat16
    assert value.grad is not None
    assert value.grad.dtype == torch.float32


def test_autocast_leaves_float64_alone() -> None:
    x = torch.randn(3, 4, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert regard.attend(x, x, x).dtype == torch.float64


def test_modes_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regard.engines.blocks, "PAIRS_AT_ONCE", 8)
    x = torch.randn(6, 4)
    keywords = {"normalizer": "sparsemax", "mask": masks.causal()}
    want = regard.attend(x, x, x, **keywords)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert torch.equal(regard.attend(x, x, x, **keywords), want)


@pytest.mark.parametrize("score", ["scaled_dot", "own"])
def test_asking_for_weights_does_not_change_the_output(score: str) -> None:
    """Trap 5: causal with left padding, where torch's module gives NaN only if it is asked."""
    x = torch.randn(2, 4, 8)
    keep = torch.tensor([[True] * 4, [False, False, True, True]])
    mask = masks.causal() & masks.dense(keep[:, None, :])
    part: Any = score if score != "own" else lambda q, k: q @ k.mT
    alone = regard.attend(x, x, x, score=part, mask=mask)
    output, weights = regard.attend(x, x, x, score=part, mask=mask, return_weights=True)
    assert torch.equal(alone, output)
    assert output.isfinite().all()
    assert not weights[1, :2].any()

    module = torch.nn.MultiheadAttention(8, 1, batch_first=True)
    its = {"key_padding_mask": ~keep, "attn_mask": torch.ones(4, 4, dtype=torch.bool).triu(1)}
    trap = [module(x, x, x, need_weights=need, **its)[0] for need in (False, True)]
    assert trap[1].isnan().any()
    assert not torch.equal(*trap)


def test_the_same_bits_again() -> None:
    """Rule 10, in both passes, long enough for threads and blocks."""
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        x = torch.randn(2, 1200, 16).requires_grad_()
        output = regard.attend(x, x, x, normalizer="sparsemax", mask=masks.causal(), dropout_p=0.1)
        results.append((output, *torch.autograd.grad(output.sum(), x)))
    for first, second in zip(*results, strict=True):
        assert torch.equal(first, second)


def test_numpy_scalars_and_lists_as_lengths() -> None:
    x = np.ones((2, 3, 4))
    for lengths in ([1, 3], (1, 3), np.array([1, 3]), torch.tensor([1, 3])):
        weights = regard.weights(x, x, mask=masks.padding(lengths))
        assert (weights[0, :, 1:] == 0).all()
        assert (weights[1] > 0).all()
    assert (regard.weights(x[0], x[0], mask=masks.padding(2))[:, 2] == 0).all()


def test_halves_whose_product_is_no_half_attend_all_the_same():
    query, key = torch.full((1, 2, 64), 40.0).half(), torch.full((1, 3, 64), 40.0).half()
    value = torch.randn(1, 3, 64).half()
    third = torch.full((1, 2, 3), 1 / 3).half()
    assert torch.equal(regard.weights(query, key), third)
    close = {"atol": 2e-3, "rtol": 2e-3}
    torch.testing.assert_close(
        regard.attend(query, key, value),
        regard.attend(query, key, value, engine="streaming"),
        **close,
    )


def test_a_function_may_say_minus_infinity():
    query, key = torch.tensor([[0.0], [9.0]]), torch.tensor([[1.0], [2.0], [3.0]])

    def later(query, key):
        return torch.where(key.mT > query + 1, 0.0, -torch.inf)

    assert regard.weights(query, key, score=later).tolist() == [[0, 0.5, 0.5], [0, 0, 0]]
