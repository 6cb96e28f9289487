"""The value: what it takes, what it refuses, and how its tokens are shown."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import KindError, ShapeError
from regard.view import Alignment
from regard.view.characters import clip, columns, graphemes, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


def test_what_is_given_is_kept_as_tuples_and_a_read_only_copy():
    weights = np.array([[0.25, 0.75]], dtype=np.float32)
    kept = Alignment("ab", ["x"], weights)
    weights[0, 0] = 9.0
    assert (kept.source, kept.target, kept.title) == (("a", "b"), ("x",), "")
    assert kept.weights.dtype == np.float64
    assert kept.weights.tolist() == [[0.25, 0.75]]
    with pytest.raises(ValueError, match="read-only"):
        kept.weights[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept.title = "other"


def test_a_tensor_that_numpy_cannot_read_is_taken():
    weights = torch.tensor([[0.5, 0.5]], dtype=torch.bfloat16, requires_grad=True)
    assert Alignment("ab", "x", weights).weights.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("shape", [(2, 1), (2,), (1, 1, 2), (1, 3), ()])
def test_a_wrong_shape_is_refused_with_both_shapes(shape):
    with pytest.raises(ShapeError) as caught:
        Alignment("ab", "x", np.zeros(shape))
    assert "(Q, K) = (1, 2)" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "weights"),
    [
        ([1, 2], [[0, 1]]),
        (7, [[0, 1]]),
        ("ab", [["0", "1"]]),
        ("ab", [[0], [0, 1]]),
        ("ab", [[1j, 0]]),
    ],
)
def test_what_is_neither_token_nor_number_is_refused(source, weights):
    with pytest.raises(KindError):
        Alignment(source, "x", weights)


def test_strongest_passes_over_nan_and_admits_to_nothing():
    rows = [[np.nan, 0.2, 0.7], [0.5, 0.5, 0.0], [np.nan] * 3]
    kept = Alignment("abc", "xyz", rows)
    assert [kept.strongest(q) for q in range(3)] == [2, 0, None]
    assert Alignment("", "x", np.zeros((1, 0))).strongest(0) is None


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_shown_token_is_never_empty_and_obeys_no_terminal(token):
    shown = visible(token)
    assert columns(shown) > 0
    assert not any(c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    shown.encode()  # no lone surrogates
    assert "".join(graphemes(shown)) == shown
    assert columns(clip(shown, 5)) <= 5


@pytest.mark.parametrize(
    ("text", "size"), [("é", 1), ("e\u0301", 1), ("日", 2), ("😀", 2), ("ｱ", 1), ("◌\u0300", 1)]
)
def test_columns_of_a_terminal(text, size):
    assert columns(text) == size
