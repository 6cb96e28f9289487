"""Questions and passages as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.data import questions_vocabulary
from regard.data.questions import Asked, Question, QuestionsConfig
from regard.data.questions_rows import too_long
from regard.data.questions_windows import QuestionBatch, Window, Windows, batch_of, tokens_of
from regard.data.questions_words import Cut, Words, spans
from regard.data.vocabulary import Vocabulary
from regard.errors import DataError


@dataclass(frozen=True)
class ReaderEncoding:
    """How passages and questions become numbers.

    A word that is known has a number below ``len(words)``. One that is not has

        len(words) + hash(word) mod buckets

    so it keeps an identity: an unknown name in the question has the number that it has in the
    passage. "lamp" is one word, whatever stands beside it (``questions_words.word_of``).

    Source:  Dhingra, Liu, Salakhutdinov and Cohen 2017, A Comparative Study of Word Embeddings for
             Reading Comprehension (arXiv:1703.00993), §4: an unknown word has a vector of its own
    Departs: the vectors are dealt out by a hash, so that two words in a thousand share one

    Attributes:
        words: the words that are known.
        characters: the characters that are known.
        max_length: tokens of a passage that are read at once.
        stride: how many tokens apart the windows of a longer passage begin; None: it is refused.
        buckets: numbers of unknown words.
        vectors: of each known word, from a file of vectors; a row of NaN: the file has none. They
            are of use before training alone, and are not stored.
    """

    words: Vocabulary
    characters: Vocabulary
    max_length: int = 400
    stride: int | None = 128
    buckets: int = 1000
    vectors: Float[Tensor, "V N"] | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def of(examples: Sequence[Question], config: QuestionsConfig) -> "ReaderEncoding":
        """The encoding of examples to learn from.

        Raises:
            DataError: the file of vectors cannot be read.

        Cost: one pass, 2 µs a token, and the reading of the file of vectors.
        """
        counts = questions_vocabulary.count(examples)
        words, vectors = questions_vocabulary.words_of(counts, config)
        characters = questions_vocabulary.characters_of(counts, config.min_count)
        most, stride = config.max_length, config.stride
        stride = None if stride is None else min(stride, most)
        return ReaderEncoding(words, characters, most, stride, vectors=vectors)

    @property
    def size(self) -> int:
        """How many numbers there are, those of unknown words among them."""
        return len(self.words) + self.buckets

    def tokens(self, passage: str) -> Sequence[tuple[str, int, int]]:
        """The tokens of a passage, with their characters' places."""
        return spans(passage)

    def check(self, passage: str) -> None:
        """Whether a passage can be read.

        Raises:
            DataError: it has no word, or is longer than ``max_length`` and ``stride`` is None.
        """
        self._passage(passage)

    def offsets(self, count: int) -> range:
        """Where the windows of a passage of so many tokens begin.

        >>> blank = Vocabulary.of([], "words")
        >>> list(ReaderEncoding(blank, blank, max_length=4, stride=2).offsets(7))
        [0, 2, 4]
        """
        if self.stride is None:
            return range(1)
        behind = max(0, count - self.max_length)
        return range(0, behind + self.stride, self.stride)

    def batch(self, examples: Sequence[Question]) -> QuestionBatch:
        """Examples as one batch, with their answers.

        Of a long passage the first window that has the whole answer; if none has, the last that has
        its start, and its last token there is the end.

        Raises:
            DataError: as ``check``.
        """
        self._seen.forget()
        return batch_of([self._row(one) for one in examples], self._seen, self.max_length)

    def asked(self, questions: Sequence[Asked]) -> Windows:
        """What is asked, as one batch, each passage in all its windows.

        Raises:
            DataError: a question without a word, or as ``check``.
        """
        self._seen.forget()
        made, numbers = [], []
        for number, one in enumerate(questions):
            passage, question = self._passage(one.passage), self._seen.cut(one.question)
            if not len(question.rows):
                raise DataError("the question is empty")
            some = [Window(passage, question, offset) for offset in self.offsets(len(passage.rows))]
            made += some
            numbers += [number] * len(some)
        offsets = torch.tensor([row.offset for row in made], dtype=torch.int64)
        rows = torch.tensor(numbers, dtype=torch.int64)
        return Windows(
            batch_of(made, self._seen, self.max_length),
            rows,
            offsets,
            [self.tokens(one.passage) for one in questions],
        )

    def length(self, example: Question) -> int:
        """Tokens of the passage that are read at once."""
        self._seen.forget()
        return min(len(self._passage(example.passage).rows), self.max_length)

    def to_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in ("max_length", "stride", "buckets")}
        return {"words": self.words.to_json(), "characters": self.characters.to_json(), **numbers}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "ReaderEncoding":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            most, stride = int(stored["max_length"]), stored["stride"]
            buckets = int(stored["buckets"])
            if min(most, buckets) < 1 or not (stride is None or 1 <= int(stride) <= most):
                raise ValueError
            words, characters = stored["words"], stored["characters"]
            both = Vocabulary.from_json(words), Vocabulary.from_json(characters)
            return ReaderEncoding(*both, most, stride, buckets)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError("no words, characters and lengths of a reader") from None

    @cached_property
    def _seen(self) -> Words:
        return Words(self.words, self.characters, self.buckets)

    def _passage(self, text: str) -> Cut:
        found = self._seen.cut(text)
        if not len(found.rows):
            raise DataError("the passage is empty")
        if self.stride is None and len(found.rows) > self.max_length:
            raise DataError(too_long(len(found.rows), self.max_length))
        return found

    def _row(self, example: Question) -> Window:
        passage, question = self._passage(example.passage), self._seen.cut(example.question)
        first, last = tokens_of(passage, example.truth)
        offsets = self.offsets(len(passage.rows))
        whole = (o for o in offsets if o <= first and last < o + self.max_length)
        offset = next(whole, max(o for o in offsets if o <= first))
        end = min(last - offset, self.max_length - 1)
        return Window(passage, question, offset, first - offset, end)
