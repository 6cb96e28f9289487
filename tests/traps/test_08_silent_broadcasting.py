"""Trap 8: shapes that broadcast where they should not.

An additive score that adds query and key without a dimension between them pairs the diagonal if
Q == K, and gives one context for all queries (sooftware/attentions#2). A softmax over the batch has
the right shape too (PyTorch-NLP#2).

A test catches them where Q == K == B == E, the size that hides the most; and shapes that torch
would broadcast to something raise ``ShapeError``.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import regard
from conformance import laws
from regard import errors, masks
from regard import scores as of
from traps.asked import Inputs, caught, scores

ALL_EQUAL = {"layout": "batch", "size": "2x2", "features": "E=Q=B", "mask": "none"}


def the_diagonal(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N, D) + (B, N, D): query i meets key i, and the (B, N) numbers are taken for a row."""
    row = torch.tanh(inputs["query"] + inputs["key"]) @ inputs["weight"]
    weights = row.softmax(-1)[:, None, :]
    return weights @ inputs["value"], weights


def the_diagonal_for_all(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    output, weights = the_diagonal(inputs, allowed)
    queries = inputs["query"].shape[-2]
    return output.expand(-1, queries, -1), weights.expand(-1, queries, -1)


def softmax_over(axis: int) -> Callable[[Inputs, Tensor], tuple[Tensor, Tensor]]:
    def wrong(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
        weights = scores(inputs).softmax(axis)
        return weights @ inputs["value"], weights

    return wrong


@pytest.mark.parametrize("wrong", [the_diagonal, the_diagonal_for_all])
def test_every_query_meets_every_key(wrong) -> None:
    caught(laws.the_output_is_the_formula, wrong, score="additive", **ALL_EQUAL)


@pytest.mark.parametrize("axis", [0, 1], ids=["batch", "queries"])
@pytest.mark.parametrize("score", ["scaled_dot", "additive"])
def test_weights_are_normalized_over_the_keys(score: str, axis: int) -> None:
    caught(laws.the_output_is_the_formula, softmax_over(axis), score=score, **ALL_EQUAL)


def refuses(call: Callable[[], object]) -> None:
    try:
        call()
    except errors.ShapeError:
        return
    raise AssertionError("shapes that do not fit gave a result")


def additive(query: Tensor, key: Tensor, weight: Tensor) -> Tensor:
    pairs = torch.tanh(query[..., :, None, :] + key[..., None, :, :])
    return (pairs * weight).sum(-1).softmax(-1)


def test_a_weight_of_one_number_is_no_weight_for_all() -> None:
    query, key, one = torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.ones(1)
    assert additive(query, key, one).shape == (2, 3, 5)
    refuses(lambda: regard.weights(query, key, score=of.Additive(one)))
    with pytest.raises(AssertionError):
        refuses(lambda: additive(query, key, one))


def test_one_feature_does_not_stand_for_all() -> None:
    query, key, weight = torch.randn(2, 3, 1), torch.randn(2, 5, 4), torch.ones(4)
    refuses(lambda: regard.weights(query, key, score=of.Additive(weight)))
    with pytest.raises(AssertionError):
        refuses(lambda: additive(query, key, weight))


@pytest.mark.parametrize("shape", [(5,), (3, 1, 5)], ids=str)
def test_masks_are_not_guessed(shape: tuple[int, ...]) -> None:
    """(K,) and (H, 1, K) broadcast to (B, H, Q, K); so would (B, 1, K), to the heads."""
    query, key = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 5, 4)
    allowed = torch.ones(shape, dtype=torch.bool)

    def plain() -> Tensor:
        return (query @ key.mT).masked_fill(~allowed, -math.inf).softmax(-1)

    refuses(lambda: regard.weights(query, key, mask=masks.dense(allowed)))
    with pytest.raises(AssertionError):
        refuses(plain)


def test_lengths_fit_the_batch_and_not_the_heads() -> None:
    query, key = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 5, 4)
    lengths = torch.tensor([5, 2, 1])  # as many as there are heads

    def plain() -> Tensor:
        hidden = torch.arange(5) >= lengths[:, None, None]
        return (query @ key.mT).masked_fill(hidden, -math.inf).softmax(-1)

    refuses(lambda: regard.weights(query, key, mask=masks.padding(lengths)))
    with pytest.raises(AssertionError):
        refuses(plain)
