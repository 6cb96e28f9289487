"""Scores of a user's own: what a class says of itself, and what it inherits."""

from typing import Generic, TypeVar

import pytest
import torch

import regard
from regard import scores
from regard.errors import KindError
from regard.scores import InnerProduct, Score

T = TypeVar("T")
X = [torch.randn(5, 4) for _ in "qkv"]


def test_a_call_written_anew_is_not_the_form_that_it_inherits() -> None:
    for base in (scores.Dot, scores.Distance, scores.Additive, scores.NormalizedAdditive):

        class Own(base):
            def __call__(self, query, key):
                return -(query[..., :, None, :] - key[..., None, :, :]).abs().sum(-1)

        score = Own(torch.ones(4)) if "Additive" in base.__name__ else Own()
        assert regard.plan(*X, score=score).engine == "streaming"
        output, weights = regard.attend(*X, score=score, return_weights=True)
        torch.testing.assert_close(output, weights @ X[2])


def test_a_form_written_anew_beside_an_inherited_call_is_refused() -> None:
    with pytest.raises(KindError, match="writes lower and inherits the __call__ of Distance"):

        class Own(scores.Distance):
            def lower(self, query, key):
                return InnerProduct(query, key, 1.0)


def test_what_a_class_says_of_itself_stands() -> None:
    class NoFuse(scores.Dot):
        is_inner_product = False

    assert regard.plan(*X, score=NoFuse()).engine == "streaming"

    class Scaled(scores.Dot):
        """Inherits both, and is as fast."""

    assert regard.plan(*X, score=Scaled()).engine == "sdpa"


def test_a_score_may_be_generic() -> None:
    class Own(Score, Generic[T]):
        def __call__(self, query, key):
            return query @ key.mT

    assert regard.attend(*X, score=Own[int]()).shape == (5, 4)


def test_a_form_that_is_none_is_told() -> None:
    class Own(Score):
        def lower(self, query, key):
            return None

    with pytest.raises(KindError, match="the lower of Own gave None"):
        regard.attend(*X, score=Own())
