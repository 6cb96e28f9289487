"""Questions as they stand in a file, and what must hold of each."""

from typing import NamedTuple, Protocol

from regard.data.files_rows import fault
from regard.data.questions import Question, QuestionsConfig, Span
from regard.data.questions_words import spans
from regard.errors import DataError


class Given(NamedTuple):
    """An answer as a file gives it: its text, and its first character in the passage; None: it is
    to be looked for."""

    text: str
    start: int | None = None


class Row(NamedTuple):
    """A question of a file.

    Attributes:
        place: where it stands: ":7", or ': article 3 "Rivers", paragraph 2, question id "a7"'.
        article: of which the passage is a part; empty: the file has no articles.
        name: its id; empty: it has none.
    """

    place: str
    passage: str
    question: str
    answers: tuple[Given, ...]
    article: str = ""
    name: str = ""


class Refuse(Protocol):
    """What is told of all that cannot be read: its place, why, and what it is."""

    def __call__(self, place: str, why: str, what: str = "question", /) -> None: ...


def question_of(row: Row, config: QuestionsConfig) -> Question:
    """The question of a row, without white space at its ends; the passage stays as it is.

    Raises:
        DataError: there is no passage, question or answer; an answer does not stand in the passage,
            or not where it is said to; a text is no UTF-8; or the passage is longer than
            ``config.max_length`` tokens, and there are no windows.
    """
    question = row.question.strip()
    for what, text in (("passage", row.passage), ("question", question)):
        if why := fault(what, text.strip()):
            raise DataError(why)
    if not row.answers:
        raise DataError("no answer")
    answers = tuple(_span(row.passage, given) for given in row.answers)
    count = len(spans(row.passage)) if config.stride is None else 0
    if count > config.max_length:
        raise DataError(too_long(count, config.max_length))
    return Question(row.passage, question, answers, name=row.name)


def too_long(count: int, most: int) -> str:
    """Why a passage of so many tokens is refused, where there are no windows."""
    return (
        f"a passage of {count:,} tokens, and {most:,} are read at once (data.max_length; with "
        "data.stride, longer ones are read in windows)"
    )


def _span(passage: str, given: Given) -> Span:
    """Where an answer stands, without white space at its ends."""
    text, start = given
    bare = text.strip()
    if not bare:
        raise DataError("an answer is empty")
    if start is None:
        start = passage.find(bare)
        if start < 0:
            raise DataError(f"the answer {quoted(bare)} does not stand in the passage")
    else:
        found = passage[start : start + len(text)] if start >= 0 else ""
        if found != text:
            there = f"{quoted(found)} stands there" if found else "the passage ends before"
            raise DataError(
                f"the answer {quoted(text)} should stand at character {start:,}, and {there}"
            )
        start += text.index(bare)
    return Span(start, start + len(bare))


def quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
