"""Batches of labelled texts."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from regard.data.batching import pad
from regard.data.labelled import Labelled
from regard.data.vocabulary import UNKNOWN, Vocabulary
from regard.errors import DataError

UNSEEN: Final = -1
"""The number of a label that the training part has not."""


class ClassBatch(NamedTuple):
    """Texts ``(B, K)`` as numbers, padded with PAD, their lengths ``(B,)`` (tokens; at least 1),
    and the numbers of their labels ``(B,)``, UNSEEN for a label that cannot be answered."""

    text: Int[Tensor, "B K"]
    lengths: Int[Tensor, " B"]
    labels: Int[Tensor, " B"]


class ClassEncoding(NamedTuple):
    """How labelled texts become numbers.

    Attributes:
        vocabulary: of the texts.
        labels: the training part's labels, in order; a label's place is its number.
        max_length: tokens; what a longer text has behind them is not read. None: no limit.
    """

    vocabulary: Vocabulary
    labels: tuple[str, ...]
    max_length: int | None = None

    @staticmethod
    def of(
        examples: Iterable[Labelled], vocabulary: Vocabulary, max_length: int | None = None
    ) -> "ClassEncoding":
        """The encoding by this vocabulary, with the labels of the examples in alphabetical
        order."""
        labels = sorted({example.label for example in examples})
        return ClassEncoding(vocabulary, tuple(labels), max_length)

    def texts(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Numbers ``(B, K)`` and lengths ``(B,)``; an empty text is one unknown token."""
        return pad([self._numbers(text) for text in texts])

    def batch(self, examples: Sequence[Labelled]) -> ClassBatch:
        """Examples as one batch."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        labels = [numbers.get(example.label, UNSEEN) for example in examples]
        return ClassBatch(*self.texts([e.text for e in examples]), torch.tensor(labels))

    def length(self, example: Labelled) -> int:
        """Tokens of the text."""
        return len(self._numbers(example.text))

    def tokens(self, text: str) -> list[str]:
        """The tokens that are read, as they are written: one for each number of ``texts``."""
        return self.vocabulary.split(text)[: self.max_length] or [""]

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.vocabulary.to_json(),
            "labels": list(self.labels),
            "max_length": self.max_length,
        }

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "ClassEncoding":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            vocabulary = Vocabulary.from_json(stored["text"])
            return ClassEncoding(vocabulary, tuple(stored["labels"]), stored["max_length"])
        except (KeyError, TypeError, AttributeError):
            raise DataError("no vocabulary of a text and no labels") from None

    def _numbers(self, text: str) -> list[int]:
        return self.vocabulary.encode(text)[: self.max_length] or [UNKNOWN]
