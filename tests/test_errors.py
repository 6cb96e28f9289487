"""Bad input: the class, the pattern that was expected, and the shapes that came."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import regard
from regard import biases, errors, masks, normalizers, scores

X = torch.zeros(2, 3, 4)  # (B, Q, E)


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


Row = tuple[Callable[[], Any], type[errors.RegardError], str]

CASES: dict[str, Row] = {
    "features differ": (
        lambda: regard.attend(zeros(3, 64), zeros(3, 32), zeros(3, 1)),
        errors.ShapeError,
        "query has 64 features and key has 32: the scaled_dot score needs the same (project them, "
        "or use scores.Bilinear)",
    ),
    "cosine features differ": (
        lambda: regard.attend(zeros(3, 4), zeros(3, 2), zeros(3, 1), score="cosine"),
        errors.ShapeError,
        "the cosine score needs the same",
    ),
    "keys and values differ": (
        lambda: regard.attend(X, zeros(2, 5, 4), zeros(2, 6, 4)),
        errors.ShapeError,
        "expected query (…, Q, E), key (…, K, F), value (…, K, V), and got query (2, 3, 4), "
        "key (2, 5, 4), value (2, 6, 4)",
    ),
    "key of one dimension": (
        lambda: regard.attend(X, zeros(4), zeros(4)),
        errors.ShapeError,
        "and got query (2, 3, 4), key (4,), value (4,)",
    ),
    "query without dimensions": (
        lambda: regard.attend(zeros(), X, X),
        errors.ShapeError,
        "and got query ()",
    ),
    "batches differ": (
        lambda: regard.attend(X, zeros(3, 5, 4), zeros(3, 5, 4)),
        errors.ShapeError,
        "leading dimensions do not broadcast: expected query (…, Q, E)",
    ),
    "heads without enable_gqa": (
        lambda: regard.attend(zeros(1, 4, 3, 4), zeros(1, 2, 3, 4), zeros(1, 2, 3, 4)),
        errors.ShapeError,
        "leading dimensions do not broadcast",
    ),
    "heads no multiple": (
        lambda: regard.attend(
            zeros(1, 3, 3, 4), zeros(1, 2, 3, 4), zeros(1, 2, 3, 4), enable_gqa=True
        ),
        errors.ShapeError,
        "the heads of the queries a multiple of those of key and value",
    ),
    "gqa without heads": (
        lambda: regard.attend(zeros(3, 4), zeros(3, 4), zeros(3, 4), enable_gqa=True),
        errors.ShapeError,
        "enable_gqa wants heads in the third dimension from the right",
    ),
    "lists": (
        lambda: regard.attend([[1.0]], X, X),
        errors.KindError,
        "query is a builtins.list; give a torch tensor or a NumPy array",
    ),
    "libraries mixed": (
        lambda: regard.attend(X, X.numpy(), X),
        errors.KindError,
        "query is a torch.Tensor, key is a numpy.ndarray",
    ),
    "integers": (
        lambda: regard.attend(X, X.long(), X),
        errors.KindError,
        "key holds torch.int64; attention wants floating-point numbers",
    ),
    "dense mask of the wrong size": (
        lambda: regard.attend(X, X, X, mask=masks.dense(zeros(2, 3, 5) == 0)),
        errors.ShapeError,
        "masks.dense(allowed) wants (Q, K) = (3, 3) or the full rank (*batch, Q, K) = (2, 3, 3), "
        "and came as (2, 3, 5)",
    ),
    "dense mask without its heads": (
        lambda: regard.attend(
            X[:, None], X[:, None], X[:, None], mask=masks.dense(X[..., :3] == 0)
        ),
        errors.ShapeError,
        "(*batch, Q, K) = (2, 1, 3, 3), and came as (2, 3, 3)",
    ),
    "dense mask of one dimension": (
        lambda: regard.attend(X, X, X, mask=masks.dense(zeros(3) == 0)),
        errors.ShapeError,
        "came as (3,)",
    ),
    "dense mask where there is no key": (
        lambda: regard.attend(
            X, zeros(2, 0, 4), zeros(2, 0, 4), mask=masks.dense(zeros(9, 9) == 0)
        ),
        errors.ShapeError,
        "came as (9, 9)",
    ),
    "mask inside another": (
        lambda: regard.attend(X, X, X, mask=~(masks.causal() & masks.padding([1, 2, 3]))),
        errors.ShapeError,
        "masks.padding(lengths) wants (*batch), aligned to the leftmost dimensions of the scores "
        "(*batch, Q, K) = (2, 3, 3), and came as (3,)",
    ),
    "positions of the wrong length": (
        lambda: regard.attend(X, X, X, mask=masks.causal(query_positions=[0, 1])),
        errors.ShapeError,
        "query_positions wants (Q,) = (3,) or (*batch, Q) where the scores are (2, 3, 3), and "
        "came as (2,)",
    ),
    "ids of another batch": (
        lambda: regard.attend(X, X, X, mask=masks.segments(np.zeros((5, 3)))),
        errors.ShapeError,
        "came as (5, 3)",
    ),
    "bias of the wrong size": (
        lambda: regard.attend(X, X, X, bias=biases.dense(zeros(4, 3))),
        errors.ShapeError,
        "biases.dense(values) wants (Q, K) = (3, 3)",
    ),
    "bare array for a mask": (
        lambda: regard.attend(X, X, X, mask=zeros(3, 3) == 0),
        errors.KindError,
        "mask is a mask of regard.masks, not a torch.Tensor: write masks.dense(allowed) for "
        "booleans (True = may attend), masks.padding(lengths) for lengths",
    ),
    "bare array for a bias": (
        lambda: regard.attend(X, X, X, bias=np.zeros((3, 3))),
        errors.KindError,
        "not a numpy.ndarray: write biases.dense(values)",
    ),
    "numbers for a dense mask": (
        lambda: masks.dense(zeros(3, 3)),
        errors.KindError,
        "wants booleans, True = may attend, and got torch.float32; numbers to add to the scores "
        "go to bias=biases.dense(...)",
    ),
    "list for a dense mask": (
        lambda: masks.dense([[True]]),
        errors.KindError,
        "wants booleans, True = may attend, and got list",
    ),
    "booleans for a bias": (
        lambda: biases.dense(zeros(3, 3) == 0),
        errors.KindError,
        "booleans go to mask=masks.dense(...)",
    ),
    "booleans for lengths": (
        lambda: masks.padding(zeros(2, 3) == 0),
        errors.KindError,
        "masks.padding wants lengths, how many keys each row of the batch has, and got booleans",
    ),
    "window backwards": (
        lambda: masks.window(-1, 0),
        errors.RangeError,
        "masks.window wants before ≥ 0 tokens, and before is -1",
    ),
    "unknown align": (
        lambda: masks.causal(align="middle"),
        errors.UnknownName,
        "align is 'end' or 'start', not 'middle'",
    ),
    "predicate without booleans": (
        lambda: regard.attend(X, X, X, mask=masks.predicate(lambda q, k: q - k)),
        errors.KindError,
        "must give booleans, and gave torch.int64",
    ),
    "dropout above one": (
        lambda: regard.attend(X, X, X, dropout_p=1.5),
        errors.RangeError,
        "dropout_p is a probability, 0 ≤ p ≤ 1, and it is 1.5",
    ),
    "dropout of NaN": (
        lambda: regard.attend(X, X, X, dropout_p=float("nan")),
        errors.RangeError,
        "and it is nan",
    ),
    "function that is not pairwise": (
        lambda: regard.attend(X, X, X, score=lambda q, k: (q + k).sum(-1, keepdim=True)),
        errors.ShapeError,
        "the score gave (2, 3, 1) for query (2, 3, 4) and key (2, 3, 4); expected (*batch, Q, K) "
        "= (2, 3, 3)",
    ),
    "function that mixes the batch": (
        lambda: regard.attend(X[0], X[0], X[0], score=lambda q, k: zeros(4, 3, 3)),
        errors.ShapeError,
        "the score gave (4, 3, 3)",
    ),
    "function that gives no numbers": (
        lambda: regard.attend(X, X, X, score=lambda q, k: None),
        errors.KindError,
        "the score gave NoneType; expected real numbers",
    ),
    "function that gives booleans": (
        lambda: regard.attend(X, X, X, score=lambda q, k: q @ k.mT > 0),
        errors.KindError,
        "the score gave Tensor of torch.bool; expected real numbers",
    ),
    "normalizer that sums": (
        lambda: regard.attend(X, X, X, normalizer=lambda z, allowed: z.sum(-1)),
        errors.ShapeError,
        "the normalizer gave (2, 3) for scores (*batch, Q, K) = (2, 3, 3)",
    ),
    "queries that are no slice": (
        lambda: regard.weights(X, X, queries=3),
        errors.KindError,
        "queries is a slice, such as slice(0, 4), and it is 3",
    ),
    "queries with a step": (
        lambda: regard.weights(X, X, queries=slice(0, 3, 2)),
        errors.RangeError,
        "queries is a slice of step 1, and its step is 2",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str) -> None:
    call, kind, message = CASES[name]
    with pytest.raises(kind, match=re.escape(message)) as caught:
        call()
    assert type(caught.value) is kind


BUILT_IN = {
    errors.ShapeError: ValueError,
    errors.KindError: TypeError,
    errors.UnknownName: ValueError,
    errors.RangeError: ValueError,
    errors.EngineError: RuntimeError,
    errors.DataError: ValueError,
    errors.RunError: ValueError,
    errors.MissingExtra: ImportError,
    errors.WatchError: RuntimeError,
}


@pytest.mark.parametrize("kind", errors.RegardError.__subclasses__())
def test_every_error_is_one_of_pythons_too_and_drawn_in_the_tree(kind: type) -> None:
    assert issubclass(kind, BUILT_IN[kind])
    assert f"{kind.__name__} " in (errors.__doc__ or "")


def test_every_name_is_found() -> None:
    for name in (*scores.SCORES, *scores.ALIASES):
        assert scores.canonical(name) in scores.SCORES
        if scores.canonical(name) not in scores.PARAMETRIC:
            assert isinstance(scores.named(name), scores.Score)
    for name, function in normalizers.NORMALIZERS.items():
        assert normalizers.named(name) is function


def test_the_public_face() -> None:
    assert regard.__all__ == sorted(regard.__all__)
    for name in regard.__all__:
        assert getattr(regard, name) is not None
