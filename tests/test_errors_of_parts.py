"""Bad input to scores, biases and normalizers: the class, what was expected, and what came."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import regard
from regard import biases, errors, normalizers, scores

X = torch.zeros(2, 3, 4)  # (B, Q, E)


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


Row = tuple[Callable[[], Any], type[errors.RegardError], str]

CASES: dict[str, Row] = {
    "unknown score": (
        lambda: regard.attend(X, X, X, score="dott"),
        errors.UnknownName,
        "no score is called 'dott'; the scores are dot, scaled_dot, bilinear, additive, "
        "normalized_additive, cosine, distance, trilinear, symmetric_relu, location (also known "
        "as luong_dot, general,",
    ),
    "parametric name": (
        lambda: regard.attend(X, X, X, score="bahdanau"),
        errors.UnknownName,
        "the 'bahdanau' score has learned tensors: write score=scores.Additive(weight) with a "
        "weight (D,), query and key projected to D, or let regard.nn.Attention(..., "
        "score='bahdanau') own them",
    ),
    "score that is a class": (
        lambda: regard.attend(X, X, X, score=scores.Cosine),
        errors.KindError,
        "score is a name, a score such as scores.Cosine(), or a function",
    ),
    "distance features differ": (
        lambda: regard.attend(zeros(3, 4), zeros(3, 2), zeros(3, 1), score="distance"),
        errors.ShapeError,
        "query has 4 features and key has 2: the distance score needs the same",
    ),
    "distance without width": (
        lambda: scores.Distance(0.0),
        errors.RangeError,
        "scores.Distance wants a width sigma > 0, and it is 0.0",
    ),
    "distance of heads": (
        lambda: regard.attend(X, X, X, score=scores.Distance(torch.ones(3))),
        errors.ShapeError,
        "the sigma of scores.Distance has the leading dimensions (3,), which do not broadcast",
    ),
    "trilinear weight": (
        lambda: regard.attend(X, X, X, score=scores.Trilinear(zeros(4), zeros(5), zeros(4))),
        errors.ShapeError,
        "the query_weight of scores.Trilinear wants (E,) = (4,), or one per head, for query and "
        "key of 4 features, and it is (5,)",
    ),
    "symmetric_relu diagonal": (
        lambda: regard.attend(X, X, X, score=scores.SymmetricReLU(zeros(6, 4), zeros(5))),
        errors.ShapeError,
        "scores.SymmetricReLU wants a projection (D, E) with E = 4 and a diagonal (D,), or one of "
        "each per head, and they are (6, 4) and (5,)",
    ),
    "location places": (
        lambda: regard.attend(X, X, X, score=scores.Location(zeros(4, 2))),
        errors.ShapeError,
        "at least as many places as there are keys, 3, and it is (4, 2)",
    ),
    "normalized additive bias": (
        lambda: regard.attend(X, X, X, score=scores.NormalizedAdditive(zeros(4), 1.0, zeros(3))),
        errors.ShapeError,
        "the bias of scores.NormalizedAdditive wants (D,) or (H, D) for a weight with D = 4 "
        "features, and it is (3,)",
    ),
    "soft cap of a name": (
        lambda: scores.SoftCap("dot", 30.0),
        errors.KindError,
        "scores.SoftCap wants a score, such as scores.ScaledDot(), or a function",
    ),
    "soft cap of nothing": (
        lambda: scores.SoftCap(scores.Dot(), 0.0),
        errors.RangeError,
        "scores.SoftCap wants a finite cap > 0, and it is 0.0",
    ),
    "parametric name of the new": (
        lambda: regard.attend(X, X, X, score="bidaf"),
        errors.UnknownName,
        "write score=scores.Trilinear(key_weight, query_weight, product_weight), each (E,)",
    ),
    "alibi of other heads": (
        lambda: regard.attend(X, X, X, bias=biases.alibi(8)),
        errors.ShapeError,
        "biases.alibi has numbers for 8 heads, the third dimension from the right, and the scores "
        "(2, 3, 3) have 2",
    ),
    "alibi of no heads": (
        lambda: biases.alibi(0),
        errors.RangeError,
        "biases.alibi wants a number of heads ≥ 1, and it is 0",
    ),
    "buckets that are odd": (
        lambda: biases.bucketed(zeros(2, 7)),
        errors.RangeError,
        "biases.bucketed wants an even number of buckets, at least 4, for bidirectional=True, and "
        "there are 7",
    ),
    "buckets beyond the distance": (
        lambda: biases.bucketed(zeros(32), max_distance=8),
        errors.RangeError,
        "has buckets of their own for distances below 8, and max_distance is to be above that",
    ),
    "a bias plus an array": (
        lambda: biases.alibi(2) + zeros(3, 3),
        errors.KindError,
        "wrap an array of numbers in biases.dense(...)",
    ),
    "gumbel of NumPy": (
        lambda: regard.attend(*[np.zeros((3, 4))] * 3, normalizer="gumbel"),
        errors.KindError,
        "normalizers.Gumbel draws with torch's generator and wants torch tensors, not a numpy",
    ),
    "gumbel without temperature": (
        lambda: normalizers.Gumbel(0.0),
        errors.RangeError,
        "normalizers.Gumbel wants a temperature > 0, and it is 0.0",
    ),
    "unknown normalizer": (
        lambda: regard.attend(X, X, X, normalizer="entmax"),
        errors.UnknownName,
        "no normalizer is called 'entmax'; the normalizers are softmax, sparsemax, hard",
    ),
    "normalizer that is none": (
        lambda: regard.attend(X, X, X, normalizer=3),
        errors.KindError,
        "normalizer is a name or a function",
    ),
    "bilinear weight": (
        lambda: regard.attend(X, X, X, score=scores.Bilinear(zeros(4, 5))),
        errors.ShapeError,
        "scores.Bilinear wants a weight (E, F) = (4, 4) for query (…, Q, 4) and key (…, K, 4), "
        "and it is (4, 5)",
    ),
    "bilinear heads": (
        lambda: regard.attend(X, X, X, score=scores.Bilinear(zeros(3, 4, 4))),
        errors.ShapeError,
        "has the leading dimensions (3,), which do not broadcast to those of the scores, (2,)",
    ),
    "additive weight": (
        lambda: regard.attend(X, X, X, score=scores.Additive(zeros(5))),
        errors.ShapeError,
        "scores.Additive with a weight (5,) wants query (…, Q, 5) and key (…, K, 5), already "
        "projected, and they have 4 and 4 features (regard.nn.Attention projects them)",
    ),
    "additive heads": (
        lambda: regard.attend(X, X, X, score=scores.Additive(zeros(3, 4))),
        errors.ShapeError,
        "(3,), which do not broadcast to those of the scores, (2,)",
    ),
    "cosine scale per query": (
        lambda: regard.attend(X, X, X, score=scores.Cosine(zeros(5))),
        errors.ShapeError,
        "scores.Cosine wants a scale for each query, (*batch, Q) = (2, 3), and it is (5,)",
    ),
    "cosine scale below zero": (
        lambda: scores.Cosine(-1.0),
        errors.RangeError,
        "scores.Cosine wants a scale ≥ 0, and it is -1.0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str) -> None:
    call, kind, message = CASES[name]
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call()
    assert type(caught.value) is kind
