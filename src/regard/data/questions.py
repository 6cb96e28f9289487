"""Questions about a passage, the food of a reader: what they are, and how they are asked for."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal, NamedTuple

from regard.errors import KindError, RangeError


class Span(NamedTuple):
    """Characters of a passage: the first, and the one behind the last."""

    start: int
    end: int


class Reference(NamedTuple):
    """A pronoun of a passage, and the noun or name for which it stands."""

    pronoun: Span
    referent: Span


class Question(NamedTuple):
    """A passage, a question about it, and where in the passage the answer stands.

    Attributes:
        passage: the text as it is.
        question: what is asked.
        answers: spans of the passage, each of which is right; one at least. People who answered
            the same give the same span several times.
        kind: of reasoning, where it is known.
        name: the question's id in its file.
        references: what pronouns of the passage stand for, where it is known.
    """

    passage: str
    question: str
    answers: tuple[Span, ...]
    kind: str = ""
    name: str = ""
    references: tuple[Reference, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of the answers."""
        return tuple(self.passage[start:end] for start, end in self.answers)

    @property
    def truth(self) -> Span:
        """The answer to learn from: the most frequent, and of equals the first.

        >>> Question("a b", "?", (Span(0, 1), Span(2, 3), Span(2, 3))).truth
        Span(start=2, end=3)
        """
        return Counter(self.answers).most_common(1)[0][0]


class Asked(NamedTuple):
    """What is asked of a trained reader."""

    passage: str
    question: str


@dataclass(frozen=True)
class QuestionsConfig:
    """How questions about passages are read, split and cut into words.

    Attributes:
        vocabulary: how many words to know at most; null: all. With data.vectors_file, how many of
            the words that the training part has not are taken from it stops there too.
        min_count: how often a word must stand in the passages and questions to learn from to be
            known. The others are unknown: so it is learned what to do with unknown ones.
        lower_case: whether words are put into lower case; the characters in them are not.
        max_length: tokens of a passage that are read at once.
        stride: a longer passage is read in windows that begin so many tokens apart, or
            data.max_length where that is less; null: it is refused, or with data.on_error skip left
            out.
        train: how many stories of world to learn from; null: 30,000.
        limit: how many questions of a file or of squad to learn from at most; null: all.
        valid: share of the articles of a file, or of its passages where it has fewer than three
            articles, kept for choosing among states of the model; null: 0.1.
        test: the same for the evaluation; null: 0.1.
        valid_file: a file to choose by, in the place of a share of the first; null: none.
        test_file: a file to be judged on, in the place of a share of the first; null: none.
        vectors_file: word vectors, a word and its numbers in each line, as those of GloVe and
            word2vec in text form; null: all vectors are learned.
        on_error: what a question that cannot be read does: "stop", or "skip": it is left out, and
            the run says so.
        seed: of the split, and of the stories.
    """

    vocabulary: int | None = None
    min_count: int = 2
    lower_case: bool = True
    max_length: int = 400
    stride: int | None = 128
    train: int | None = None
    limit: int | None = None
    valid: float | None = None
    test: float | None = None
    valid_file: str | None = None
    test_file: str | None = None
    vectors_file: str | None = None
    on_error: Literal["stop", "skip"] = "stop"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        KindError: a share of a part, and a file for it.
        """
        for name in ("vocabulary", "min_count", "max_length", "stride", "train", "limit"):
            number = getattr(self, name)
            if number is not None and number < 1:
                null = "" if name in ("min_count", "max_length") else ", or null"
                raise RangeError(f"data.{name} is at least 1{null}: {number}")
        for name in ("valid", "test"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise KindError(
                    f"data.{name} is a share of the file, and data.{name}_file takes its place: "
                    "leave one of them null"
                )
