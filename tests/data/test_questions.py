"""What is asked for of questions, and refused where it makes no sense."""

import pytest

from regard.data.questions import Question, QuestionsConfig, Span
from regard.errors import KindError, RangeError

A, B = Span(0, 1), Span(2, 3)


@pytest.mark.parametrize(
    ("answers", "truth"), [((A,), A), ((A, B), A), ((B, A, A), A), ((B, A), B), ((A, B, B, A), A)]
)
def test_the_truth_is_what_most_say(answers, truth):
    question = Question("a b", "?", answers)
    assert question.truth == truth
    assert question.texts == tuple("a b"[slice(*answer)] for answer in answers)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_count": 0}, RangeError, "data.min_count is at least 1: 0"),
        ({"max_length": 0}, RangeError, "data.max_length is at least 1: 0"),
        ({"stride": 0}, RangeError, "data.stride is at least 1, or null: 0"),
        ({"train": -1}, RangeError, "data.train is at least 1, or null: -1"),
        ({"test": 0.1, "test_file": "a.json"}, KindError, "data.test is a share"),
        ({"valid": 0.1, "valid_file": "a.json"}, KindError, "data.valid is a share"),
    ],
)
def test_options_out_of_range(options, error, message):
    with pytest.raises(error, match=message):
        QuestionsConfig(**options)


def test_options_in_range():
    config = QuestionsConfig(max_length=10, stride=10, valid=0.2, test_file="a.json")
    assert QuestionsConfig(max_length=10, stride=None) != config
