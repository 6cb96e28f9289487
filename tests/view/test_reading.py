"""A passage that was read with a question: what is marked, what is named, and what is escaped."""

import numpy as np
import pytest

from regard.errors import KindError, ShapeError
from regard.view import page, reading
from regard.view.reading import Reading

PASSAGE = ("Ann", " has", " a", " <b>cat</b>", ".")
WEIGHTS = [[0.7, 0.3], [0.5, 0.5], [0.4, 0.6], [0.1, 0.9], [0.5, 0.5]]
OVER = [0.1, 0.1, 0.1, 0.6, 0.1]


def read(**changes):
    parts = {
        "passage": PASSAGE,
        "question": ("Who", "cat"),
        "weights": WEIGHTS,
        "over": np.array(OVER),
        "answer": (3, 4),
        "own": ((0, np.array([0.0, 0.2, 0.0, 0.8, 0.0])),),
    }
    return Reading(**(parts | changes))


def test_the_answer_is_marked_and_stands_where_it_stood():
    assert read().marked == ("Ann", " has", " a", " [<b>cat</b>", ".]")
    assert read(answer=(0, 0)).marked[:2] == ("[Ann]", " has")
    assert read(answer=None).marked == PASSAGE


def test_words_of_the_question_name_those_that_looked_at_them_most():
    named = read().most(1)
    assert [token for token, _ in named] == ["<b>cat</b>", "a", "has", "."]
    assert [amount for _, amount in named] == [0.9, 0.6, 0.5, 0.5]


def test_the_matrix_has_a_row_for_each_word_of_the_question():
    alignment = read().alignment
    assert alignment.target == ("Who", "cat")
    assert alignment.source[3] == "<b>cat</b>"
    np.testing.assert_array_equal(alignment.weights, np.array(WEIGHTS).T)


def test_a_terminal_shows_all_of_it():
    shown = reading.terminal(read(), width=60, color=False)
    assert "Ann has a [<b>cat</b>.]" in shown
    assert "Who   Ann 70%, has 50%, . 50%, a 40%" in shown.splitlines()
    assert "what “Ann” looks at" in shown
    assert "full shade: weight 60%" in shown  # over, the strongest
    assert "full shade: weight 80%" in shown  # own


def test_a_page_shows_the_matrix_what_the_question_and_what_some_words_looked_at():
    over, matrix, own = reading.panels(read())
    assert over.source == matrix.target == read().marked
    assert (over.target, matrix.source, own.target) == (
        ("the question",),
        ("Who", " cat"),
        ("Ann",),
    )
    for panel, weights in ((over, [OVER]), (matrix, WEIGHTS), (own, [read().own[0][1]])):
        np.testing.assert_allclose(panel.weights[0, 0], weights, atol=1e-7)
        assert "<b>cat" not in page.panel(panel)
    assert "<b>cat" not in reading.svg(read())


def test_without_weights_over_the_passage_the_answer_is_shaded():
    shaded = read(over=None).shaded
    assert shaded.weights.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"weights": np.ones((2, 5))}, ShapeError),
        ({"answer": (3, 5)}, ShapeError),
        ({"answer": (3, 2)}, ShapeError),
        ({"passage": (1, 2, 3, 4, 5)}, KindError),
        ({"weights": [["a"]]}, KindError),
    ],
)
def test_what_does_not_fit_is_refused(changes, error):
    with pytest.raises(error):
        read(**changes)
