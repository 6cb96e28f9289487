"""The words of passages and questions as rows of tables, so that a batch is looked up at once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Int

from regard.data import tokens
from regard.data.splits import hashes
from regard.data.vocabulary import UNKNOWN, Vocabulary

LONGEST: Final = 16
"""Characters of a word that are looked at."""

TOKENS: Final = 1 << 23
"""Tokens of texts that are remembered (100 MB); then all are forgotten."""

WORDS: Final = 1 << 20
"""Different words that are remembered (200 MB); then all are forgotten."""


class Cut(NamedTuple):
    """A text as rows of ``Words``'s tables, and the places of its tokens in it."""

    rows: Int[np.ndarray, " C"]
    starts: Int[np.ndarray, " C"]
    ends: Int[np.ndarray, " C"]


class Words:
    """The words met so far: each has a row in three tables, which grow.

    Args:
        known: the words that are known, without joiners.
        characters: the characters that are known.
        buckets: among how many numbers, from ``len(known)``, unknown words are dealt out.
    """

    def __init__(self, known: Vocabulary, characters: Vocabulary, buckets: int) -> None:
        self._known, self._characters, self._buckets = known, characters, buckets
        self._forget()

    def __reduce__(self) -> tuple[type["Words"], tuple[Vocabulary, Vocabulary, int]]:
        """Another process begins anew."""
        return Words, (self._known, self._characters, self._buckets)

    def cut(self, text: str) -> Cut:
        """The words of a text, remembered."""
        found = self._texts.get(text)
        if found is None:
            places = spans(text)
            rows = [self._row(word_of(token)) for token, _, _ in places]
            numbers = np.array([*zip(rows, *_ends(places), strict=True)], np.int32).reshape(-1, 3)
            found = self._texts[text] = Cut(*np.ascontiguousarray(numbers.T))
            self._tokens += len(rows)
        return found

    def forget(self) -> None:
        """Free the memory, if it has become much. The rows of earlier cuts are void then."""
        if self._tokens > TOKENS or len(self._rows) > WORDS:
            self._forget()

    def numbers(self, rows: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """The numbers of words."""
        return self._numbers[rows]

    def folded(self, rows: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """A number for each word, the same for words that differ in capitals alone."""
        return self._folded[rows]

    def characters(self, rows: Int[np.ndarray, "..."]) -> Int[np.ndarray, "... W"]:
        """The numbers of the characters of words, padded with PAD; 16 at most."""
        return self._spelt[rows]

    def lengths(self, rows: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """How many characters words have, 16 at most."""
        return self._lengths[rows]

    def _forget(self) -> None:
        self._texts: dict[str, Cut] = {}
        self._rows: dict[str, int] = {}
        self._classes: dict[str, int] = {}
        self._tokens = 0
        self._numbers = np.zeros(1024, np.int64)
        self._folded = np.zeros(1024, np.int64)
        self._lengths = np.zeros(1024, np.int64)
        self._spelt = np.zeros((1024, LONGEST), np.int64)

    def _row(self, word: str) -> int:
        row = self._rows.get(word)
        if row is None:
            row = self._rows[word] = len(self._rows)
            if row == len(self._numbers):
                self._grow()
            folded = word.lower()
            self._numbers[row] = self._number(folded if self._known.lower_case else word)
            self._folded[row] = self._classes.setdefault(folded, len(self._classes))
            spelt = self._characters.encode(word[:LONGEST])
            self._lengths[row] = len(spelt)
            self._spelt[row, : len(spelt)] = spelt
        return row

    def _number(self, word: str) -> int:
        number = self._known.numbers.get(word, UNKNOWN)
        return number if number > UNKNOWN else len(self._known) + bucket(word, self._buckets)

    def _grow(self) -> None:
        for name in ("_numbers", "_folded", "_lengths", "_spelt"):
            table = getattr(self, name)
            setattr(self, name, np.concatenate([table, np.zeros_like(table)]))


def word_of(token: str) -> str:
    """The word of a token of ``tokens.split``: without joiners, and without an apostrophe that
    parts it from the next, so that "Ann's" has the word "Ann" in it.

    >>> [word_of(token) for token in tokens.split("Ann's lamp.")]
    ['Ann', 's', 'lamp', '.']
    """
    word = tokens.shown(token)
    return word[:-1] if len(word) > 1 and word[-1] in "'’" else word


def bucket(word: str, buckets: int) -> int:
    """The number of an unknown word, the same on every machine."""
    return int(hashes([word], "unknown words")[0]) % buckets


@lru_cache(maxsize=512)
def spans(text: str) -> Sequence[tuple[str, int, int]]:
    """``tokens.spans``, remembered for the texts of late."""
    return tokens.spans(text)


def _ends(places: Sequence[tuple[str, int, int]]) -> tuple[list[int], list[int]]:
    return [start for _, start, _ in places], [end for _, _, end in places]
