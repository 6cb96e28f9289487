"""Texts as numbers: characters or words, known from the training part only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from regard.errors import DataError

Units = Literal["characters", "words"]

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")


def split(text: str, units: Units) -> list[str]:
    """A text's tokens: its characters, or its words as white space parts them.

    >>> split("le 14 juillet", "words")
    ['le', '14', 'juillet']
    """
    return list(text) if units == "characters" else text.split()


def join(tokens: Iterable[str], units: Units) -> str:
    """The text of tokens: ``split`` undone, but for white space between words."""
    return ("" if units == "characters" else " ").join(tokens)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers; the first four are padding, unknown, begin and end.

    >>> vocabulary = Vocabulary.of(["abba"], "characters")
    >>> vocabulary.encode("abc"), vocabulary.decode([4, 5, 3, 4])
    ([4, 5, 1], 'ab')
    """

    units: Units
    tokens: tuple[str, ...]

    @staticmethod
    def of(texts: Iterable[str], units: Units, *, size: int | None = None) -> "Vocabulary":
        """The vocabulary of the texts, most frequent token first; of equals, the lower code point.

        Args:
            size: how many tokens to know at most, the four special ones not counted; None: all.
        """
        counts = Counter(token for text in texts for token in split(text, units))
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        known = [token for token in ranked if token not in SPECIAL]
        return Vocabulary(units, (*SPECIAL, *known[:size]))

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens; a token never seen, or spelt as a special one, is
        UNKNOWN."""
        numbers = (self.numbers.get(token, UNKNOWN) for token in split(text, self.units))
        return [number if number > END else UNKNOWN for number in numbers]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of numbers, up to the first END; padding and BEGIN leave no trace."""
        tokens = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, BEGIN):
                tokens.append(self.tokens[number])
        return join(tokens, self.units)

    def to_json(self) -> dict[str, object]:
        return {"units": self.units, "tokens": list(self.tokens[len(SPECIAL) :])}

    @staticmethod
    def from_json(stored: dict[str, object]) -> "Vocabulary":
        """The vocabulary that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        units, tokens = stored.get("units"), stored.get("tokens")
        if units not in ("characters", "words") or not isinstance(tokens, list):
            raise DataError('a stored vocabulary has "units" and "tokens", and this has not')
        return Vocabulary(units, (*SPECIAL, *tokens))
