"""Texts and their labels, the food of a classifier: what they are, and how they are asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from regard.data import tokens
from regard.data.files_rows import fault
from regard.data.vocabulary import Units, Vocabulary
from regard.errors import DataError, RangeError

Format = Literal["tsv", "csv", "jsonl"]


class Labelled(NamedTuple):
    """A text and the name of its class."""

    text: str
    label: str


@dataclass(frozen=True)
class LabelsConfig:
    """How labelled texts are read, split and cut into tokens.

    Attributes:
        text: column of the text: its name in the header, or its number (1, 2, …) in a file without
            a header; of JSON Lines its key. null: the first of a TSV file's two columns, and "text"
            in other formats.
        label: column of the label, told as ``text`` is; null: the second, or "label".
        format: "tsv", "csv" (with commas) or "jsonl"; null: what the file's ending says, and tsv on
            standard input.
        test_file: a file of the same columns to be judged on, in the place of a share of the first;
            null: none.
        valid: share of the different texts kept for choosing among states of the model.
        test: share of the different texts kept for the evaluation.
        limit: how many texts to learn from at most; null: all.
        seed: of the split.
        units: what a token is: "characters", "words" (and punctuation), or "pieces" of words.
        vocabulary: how many tokens to know at most; null: all (of pieces: 8,000).
        min_count: how often a character or word must stand in the training part to be known.
        max_length: tokens; what a longer text has behind them is not read, and rows with such
            texts are told. null: no limit.
        lower_case: whether texts are put into lower case.
    """

    text: str | None = None
    label: str | None = None
    format: Format | None = None
    test_file: str | None = None
    valid: float = 0.1
    test: float = 0.1
    limit: int | None = None
    seed: int = 0
    units: Units = "words"
    vocabulary: int | None = None
    min_count: int = 1
    max_length: int | None = 1000
    lower_case: bool = False

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range, or one column for both.
        """
        counts = ("limit", "vocabulary", "min_count", "max_length")
        for name, number in ((name, getattr(self, name)) for name in counts):
            if number is not None and number < 1:
                null = "" if name == "min_count" else ", or null"
                raise RangeError(f"data.{name} is at least 1{null}: {number}")
        if self.text is not None and self.text == self.label:
            raise RangeError(f"data.text and data.label are the same column: {self.text}")

    def vocabulary_of(self, examples: Iterable[Labelled]) -> Vocabulary:
        """The vocabulary of examples, of which there should be none that the model is judged on.

        Raises:
            DataError, MissingExtra: as ``Vocabulary.of``.
        """
        return Vocabulary.of(
            (example.text for example in examples),
            self.units,
            size=self.vocabulary,
            min_count=self.min_count,
            lower_case=self.lower_case,
        )


def example(text: str, label: str) -> Labelled:
    """A labelled text, without white space at the ends of either.

    Raises:
        DataError: one of them is empty, or no text that can be written in UTF-8.
    """
    stripped = Labelled(text.strip(), label.strip())
    for name, value in zip(Labelled._fields, stripped, strict=True):
        if why := fault(name, value):
            raise DataError(why)
    return stripped


def wording(example: Labelled) -> str:
    """What decides whether two texts are the same for the split: their words, without capitals,
    punctuation and white space; of a text without words, all of it.

    >>> wording(Labelled("Works great!.", "positive"))
    'works great'
    """
    folded = example.text.casefold()
    bare = map(tokens.shown, tokens.split(folded))
    return " ".join(token for token in bare if token[0].isalnum()) or folded
