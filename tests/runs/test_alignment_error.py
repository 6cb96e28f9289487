"""Scores of alignments, against plain loops and chance drawn by dice."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from regard.data.aligned import AlignedPair, english_french, parse
from regard.errors import DataError, RangeError, ShapeError
from regard.runs.alignment_error import (
    AlignmentScores,
    alignment_scores,
    by_words,
    chance,
    diagonal,
    shares,
)

PAIRS = english_french()
LOVE = PAIRS[0]


def weights_of(seed: int, pairs: tuple[AlignedPair, ...] = PAIRS) -> list[NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    shapes = [(len(pair.target_tokens), len(pair.source_tokens)) for pair in pairs]
    return [random.dirichlet(np.ones(columns), size=rows) for rows, columns in shapes]


def plain(pairs: tuple[AlignedPair, ...], weights: list[NDArray[np.float64]]) -> list[float]:
    """The formulas, link by link: right, right_sure, AER, punctuation."""
    a = s = a_and_s = a_and_p = 0
    words = [0, 0]
    sures = [0, 0]
    marks = [0, 0]
    for pair, matrix in zip(pairs, weights, strict=True):
        for q, token in enumerate(pair.target_tokens):
            look = max(range(len(matrix[q])), key=lambda k, row=matrix[q]: row[k])
            has = [link for link in pair.possible if link[0] == q]
            has_sure = [link for link in pair.sure if link[0] == q]
            if not any(letter.isalpha() for letter in token):
                marks[0] += bool(has)
                marks[1] += (q, look) in has
                continue
            a += 1
            s += len(has_sure)
            a_and_s += (q, look) in has_sure
            a_and_p += (q, look) in has
            words[0] += bool(has)
            words[1] += (q, look) in has
            sures[0] += bool(has_sure)
            sures[1] += (q, look) in has_sure
    error = 1 - (a_and_s + a_and_p) / (a + s)
    return [words[1] / words[0], sures[1] / sures[0], error, marks[1] / marks[0]]


def numbers(scores: AlignmentScores) -> list[float]:
    return [scores.right, scores.right_sure, scores.error, scores.right_punctuation]


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_scores_are_those_of_a_plain_loop(seed: int) -> None:
    weights = weights_of(seed)
    np.testing.assert_allclose(numbers(alignment_scores(PAIRS, weights)), plain(PAIRS, weights))


def test_the_hands_own_links_have_no_error() -> None:
    # A row may look at one token only, so pairs with two sure links for a word are left out.
    pairs = [pair for pair in PAIRS if len(pair.sure) == len({q for q, _ in pair.sure})]
    pairs = [pair for pair in pairs if all(pair.links_of(q, sure=True) for q in pair.words)]
    assert len(pairs) > 5
    looks = []
    for pair in pairs:
        look = np.zeros((len(pair.target_tokens), len(pair.source_tokens)))
        for q, k in pair.sure:
            look[q, k] = 1
        looks.append(look)
    found = alignment_scores(pairs, looks)
    assert (found.right, found.right_sure, found.right_punctuation) == (1.0, 1.0, 1.0)
    assert found.error == pytest.approx(0.0)


def test_chance_is_the_mean_of_many_throws() -> None:
    thrown = np.mean([numbers(alignment_scores(PAIRS, weights_of(i))) for i in range(100)], axis=0)
    np.testing.assert_allclose(numbers(chance(PAIRS)), thrown, atol=0.01)
    assert chance(PAIRS).words == alignment_scores(PAIRS, weights_of(0)).words


def test_the_diagonal_is_better_than_chance_and_not_right() -> None:
    assert chance(PAIRS).right + 0.1 < diagonal(PAIRS).right < 0.9


def test_a_row_that_looks_nowhere_or_at_the_end_is_wrong() -> None:
    right = np.eye(4)[[0, 2, 1, 3]]
    assert alignment_scores([LOVE], [right]).right == 1
    for row in (np.zeros(4), np.full(4, np.nan)):
        broken = right.copy()
        broken[0] = row
        assert alignment_scores([LOVE], [broken]).right == pytest.approx(2 / 3)
    to_the_end = np.concatenate([right * 0.4, np.full((4, 1), 0.6)], 1)
    found = alignment_scores([LOVE], [to_the_end])
    assert (found.right, found.right_punctuation) == (0.0, 0.0)
    assert found.error == 1.0


def test_what_cannot_be_scored_is_told() -> None:
    with pytest.raises(ShapeError, match="4 target tokens over 4 source tokens"):
        alignment_scores([LOVE], [np.ones((4, 3))])
    with pytest.raises(RangeError, match="at least one aligned pair"):
        alignment_scores([], [])
    (bare,) = parse(["Go ||| Va ||| Va=Go"], "mine")
    assert math.isnan(alignment_scores([bare], [[[1.0]]]).right_punctuation)


def test_weights_between_characters_become_weights_between_words() -> None:
    read, written = list("I love you."), list("Je t'aime.")
    weights = np.random.default_rng(0).dirichlet(np.ones(len(read) + 1), size=len(written) + 1)
    found = by_words(weights, read, written, LOVE)
    assert found.shape == (4, 4 + 3)  # two spaces and an end behind the words
    np.testing.assert_allclose(found.sum(1), 1)
    love, aime = slice(2, 6), slice(5, 9)
    assert found[2, 1] == pytest.approx(weights[aime, love].sum(1).mean())
    assert found[1, 2] == pytest.approx(weights[3:5, 7:10].sum(1).mean())
    spaces = [weights[aime, place].mean() for place in (1, 6, 11)]
    np.testing.assert_allclose(found[2, 4:], spaces)


def test_words_stay_as_they_are_and_pieces_may_cross_them() -> None:
    weights = weights_of(3)[0]
    np.testing.assert_allclose(
        by_words(weights, ["I", "love", "you", "￭."], ["Je", "t'￭", "aime", "￭."], LOVE), weights
    )
    # "you." is a piece of one word and the full stop: its weight is shared by letters.
    rows = np.eye(4)[:, :3]
    found = by_words(rows, ["▁I", "▁love", "▁you."], ["▁Je", "▁t'", "aime", "."], LOVE)
    np.testing.assert_allclose(found[2], [0, 0, 0.75, 0.25])


def test_tokens_of_another_text_are_refused() -> None:
    with pytest.raises(DataError, match="do not spell"):
        shares(["<unk>"], ["love"])
    with pytest.raises(ShapeError, match=r"4 tokens over 4"):
        by_words(np.ones((3, 4)), LOVE.source_tokens, LOVE.target_tokens, LOVE)
