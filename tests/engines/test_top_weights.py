"""top_weights, key_totals and weights of some heads: equals, edges, refusals, gradients, memory."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import regard
from conformance.test_laws import small_blocks
from regard import biases, errors, masks, scores
from regard.engines.largest import largest


@given(
    st.integers(1, 3000), st.integers(1, 9), st.integers(1, 40), st.sampled_from(["f", "d", "e"])
)
def test_the_largest_are_found_and_of_equals_the_first(
    length: int, k: int, kinds: int, dtype: str
) -> None:
    """Few distinct numbers, so that most are equal; longer rows are searched in groups."""
    rng = np.random.default_rng(length * k + kinds)
    rows = (rng.integers(0, kinds, (2, length)) / kinds - 0.5).astype(dtype)
    rows[rng.random(rows.shape) < 0.1] = -np.inf
    rows[rng.random(rows.shape) < 0.1] = -0.0
    k = min(k, length)
    want = np.argsort(-rows, -1, kind="stable")[:, :k]
    assert largest(torch.from_numpy(rows), k).tolist() == want.tolist()


def test_nan_is_above_all() -> None:
    rows = torch.zeros(1, 2000)
    rows[0, 1500] = -torch.nan  # what 0/0 gives on some machines
    assert largest(rows, 2).tolist() == [[1500, 0]]


@pytest.fixture(params=["one block", "many blocks"])
def cutting(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "many blocks":
        small_blocks(monkeypatch)
    return request.param


@pytest.mark.parametrize("kind", [torch.tensor, np.array])
def test_a_key_that_is_seen_counts_though_its_weight_is_0(kind: Any, cutting: str) -> None:
    query, key = kind([[1.0], [1.0]]), kind([[0.0], [9.0], [0.0], [5.0]])
    mask = masks.window(1, 0)  # the queries see the keys 1, 2 and 2, 3
    for normalizer in ("sparsemax", "entmax15", "hard"):
        found = regard.top_weights(query, key, 3, score="dot", mask=mask, normalizer=normalizer)
        assert found.indices.tolist() == [[1, 2, -1], [3, 2, -1]]
        assert found.weights.tolist() == [[1, 0, 0], [1, 0, 0]]
    found = regard.top_weights(query * 1e4, key, 3, score="dot", mask=mask)  # exp(−9e4) is 0 too
    assert found.indices.tolist() == [[1, 2, -1], [3, 2, -1]]


def test_more_than_there_are_keys(cutting: str) -> None:
    key = torch.tensor([[0.0], [2.0]])
    found = regard.top_weights(torch.ones(1), key, 4, score="dot")
    assert found.indices.tolist() == [1, 0, -1, -1]
    assert found.weights[2:].tolist() == [0, 0]


@pytest.mark.parametrize("kind", [torch.zeros, np.zeros])
def test_nothing_to_sum_and_nothing_to_find(kind: Any) -> None:
    for batch, n, m in ((2, 0, 3), (2, 3, 0), (0, 3, 3)):
        query, key = kind((batch, n, 4)), kind((batch, m, 4))
        found = regard.top_weights(query, key, 2)
        assert found.weights.shape == found.indices.shape == (batch, n, 2)
        assert m or bool((found.indices == -1).all())
        assert regard.key_totals(query, key).shape == (batch, m)
    x = torch.zeros(3, 4, requires_grad=True)
    (regard.key_totals(x, x[:0]).sum() + regard.top_weights(x, x[:0], 2).weights.sum()).backward()
    assert x.grad is not None


def test_gradients_of_both(cutting: str) -> None:
    query, key = (torch.randn(2, 5, 3, dtype=torch.float64).requires_grad_() for _ in "qk")
    score = scores.Additive(torch.randn(3, dtype=torch.float64).requires_grad_())
    parts: dict[str, Any] = {"score": score, "mask": masks.window(2, 0)}
    wanted = (query, key, score.weight)
    upstream = torch.randn(2, 5, dtype=torch.float64)
    whole = regard.weights(query, key, **parts)
    want = torch.autograd.grad((whole.sum(-2) * upstream).sum(), wanted)
    got = torch.autograd.grad((regard.key_totals(query, key, **parts) * upstream).sum(), wanted)
    torch.testing.assert_close(got, want)
    found = regard.top_weights(query, key, 2, **parts).weights
    got = torch.autograd.grad((found[..., 0] * upstream).sum(), wanted)
    whole = regard.weights(query, key, **parts)
    want = torch.autograd.grad((whole.max(-1).values * upstream).sum(), wanted)
    torch.testing.assert_close(got, want)


def test_some_queries_and_some_heads(cutting: str) -> None:
    query, key = torch.randn(2, 4, 6, 3), torch.randn(2, 2, 5, 3)
    every = {
        "enable_gqa": True,
        "mask": masks.causal() & masks.dense(torch.rand(2, 4, 6, 5) < 0.7),
        "bias": biases.dense(torch.randn(1, 4, 6, 5)),
    }
    for score in (
        scores.Additive(torch.randn(4, 3)),
        scores.Bilinear(torch.randn(4, 3, 3)),
        scores.Cosine(torch.rand(2, 4, 6)),
    ):
        whole = regard.weights(query, key, score=score, **every)
        some = {"queries": slice(2, 5), "heads": [3, 0], "score": score, **every}
        rows = whole[:, [3, 0], 2:5]
        torch.testing.assert_close(regard.weights(query, key, **some), rows)
        torch.testing.assert_close(regard.key_totals(query, key, **some), rows.sum(-2))
        found = regard.top_weights(query, key, 2, **some)
        torch.testing.assert_close(found.weights, rows.topk(2, -1).values)


def test_a_function_that_holds_numbers_per_head_is_told() -> None:
    query, strength = torch.randn(3, 5, 4), torch.rand(3, 1, 1)

    def score(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return q @ k.mT * strength

    whole = regard.weights(query, query, score=score)
    turned = regard.weights(query, query, score=score, heads=[2, 1, 0])
    assert torch.equal(turned, whole[[2, 1, 0]])
    with pytest.raises(errors.ShapeError, match="the score gave"):
        regard.weights(query, query, score=score, heads=[1])


@pytest.mark.parametrize(
    ("keywords", "kind", "message"),
    [
        ({"k": 0}, errors.RangeError, "at least 1, and it is 0"),
        ({"k": 2.0}, errors.KindError, "an integer, and it is 2.0"),
        ({"heads": [3]}, errors.RangeError, "head 3, and there are 3, from 0"),
        ({"heads": [-4]}, errors.RangeError, "head -4"),
        ({"heads": 1}, errors.KindError, "a list of integers, such as [0, 3], and it is 1"),
        ({"heads": [True, False, True]}, errors.KindError, "a list of integers"),
        ({"queries": slice(0, 4, 2)}, errors.RangeError, "step 1"),
        ({"queries": 3}, errors.KindError, "queries is a slice"),
    ],
)
def test_what_cannot_be_asked(keywords: dict[str, Any], kind: type, message: str) -> None:
    x = torch.zeros(3, 5, 4)
    with pytest.raises(kind) as caught:
        regard.top_weights(x, x, **{"k": 2, **keywords})
    assert message in str(caught.value)


def test_scores_without_heads_have_none() -> None:
    x = torch.zeros(5, 4)
    with pytest.raises(errors.RangeError, match="have none"):
        regard.weights(x, x, heads=[0])
