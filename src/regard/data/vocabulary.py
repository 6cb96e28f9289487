"""Texts as numbers: characters, words or pieces of words, known from the training part only."""

import binascii
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from regard.data import pieces, tokens
from regard.errors import DataError, RangeError

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

Units = Literal["characters", "words", "pieces"]

PAD, UNKNOWN, BEGIN, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")


def split(text: str, units: Literal["characters", "words"]) -> list[str]:
    """A text's characters or words; pieces need a model, so ``Vocabulary.split`` knows them."""
    return list(text) if units == "characters" else tokens.split(text)


def join(parts: Iterable[str], units: Units) -> str:
    """The text of tokens: ``Vocabulary.split`` undone, but for runs of white space.

    >>> join(["I", "love", "you", "￭."], "words")
    'I love you.'
    """
    return "".join(surfaces(parts, units))


def surfaces(parts: Iterable[str], units: Units) -> list[str]:
    """What each token adds to the text, the space before it included: ``join`` joins them.

    >>> surfaces(["I", "love", "you", "￭."], "words")
    ['I', ' love', ' you', '.']
    """
    match units:
        case "characters":
            return list(parts)
        case "words":
            return tokens.surfaces(parts)
        case "pieces":
            return pieces.surfaces(parts)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers; the first four are padding, unknown, begin and end.

    Attributes:
        units: what a token is: a character; a word or a sign of punctuation (``tokens.split``); or
            a piece of a word, learned by sentencepiece (``pieces.learn``).
        tokens: the token of each number.
        lower_case: whether texts are put into lower case before they are split.
        model: of pieces, the bytes of sentencepiece's model; else nothing.

    >>> vocabulary = Vocabulary.of(["abba"], "characters")
    >>> vocabulary.encode("abc"), vocabulary.decode([4, 5, 3, 4])
    ([4, 5, 1], 'ab')
    """

    units: Units
    tokens: tuple[str, ...]
    lower_case: bool = False
    model: bytes = field(default=b"", repr=False)

    @staticmethod
    def of(
        texts: Iterable[str],
        units: Units,
        *,
        size: int | None = None,
        min_count: int = 1,
        lower_case: bool = False,
    ) -> "Vocabulary":
        """The vocabulary of the texts: of characters and words, the most frequent token first, and
        of equals the lower code point; pieces are in sentencepiece's order.

        Args:
            size: how many tokens to know at most, the four special ones not counted; None: all
                (of pieces: 8,000).
            min_count: how often a character or word must stand in the texts to be known. A
                vocabulary that leaves none out has no text from which to learn what the unknown
                token means. Of no account for pieces.
            lower_case: whether capitals are told from small letters (False) or not.

        Raises:
            DataError: pieces cannot be learned from these texts.
            RangeError: a size or count below 1.
            MissingExtra: sentencepiece is not installed (for pieces alone).

        Cost: one pass. Memory holds the different tokens, or for pieces 300,000 texts at most.
        """
        for name, number in (("size", size), ("min_count", min_count)):
            if number is not None and number < 1:
                raise RangeError(f"the {name} of a vocabulary is at least 1: {number}")
        if units == "pieces":
            lowered = map(str.lower, texts) if lower_case else texts
            model = pieces.learn(lowered, size, SPECIAL)
            return Vocabulary(units, pieces.names(pieces.load(model)), lower_case, model)
        blank = Vocabulary(units, SPECIAL, lower_case)
        counts = Counter(token for text in texts for token in blank.split(text))
        often = [token for token, count in counts.items() if count >= min_count]
        ranked = sorted(often, key=lambda token: (-counts[token], token))
        known = [token for token in ranked if token not in SPECIAL]
        return Vocabulary(units, (*SPECIAL, *known[:size]), lower_case)

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def _processor(self) -> "SentencePieceProcessor":
        return pieces.load(self.model)

    def __len__(self) -> int:
        return len(self.tokens)

    def split(self, text: str) -> list[str]:
        """A text's tokens, the unknown ones as they are written.

        >>> Vocabulary.of([], "words", lower_case=True).split("I love you.")
        ['i', 'love', 'you', '￭.']
        """
        if self.lower_case:
            text = text.lower()
        match self.units:
            case "characters":
                return list(text)
            case "words":
                return tokens.split(text)
            case "pieces":
                return pieces.split(self._processor, text)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens; a token never seen, or spelt as a special one, is
        UNKNOWN."""
        numbers = (self.numbers.get(token, UNKNOWN) for token in self.split(text))
        return [number if number > END else UNKNOWN for number in numbers]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of numbers, up to the first END; padding and BEGIN leave no trace."""
        parts = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, BEGIN):
                parts.append(self.tokens[number])
        return join(parts, self.units)

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` needs; the model of pieces as base64."""
        stored: dict[str, Any] = {"units": self.units, "lower_case": self.lower_case}
        match self.units:
            case "characters":
                return stored | {"tokens": list(self.tokens[len(SPECIAL) :])}
            case "words":
                return stored | {"joiner": tokens.MARK, "tokens": list(self.tokens[len(SPECIAL) :])}
            case "pieces":
                return stored | {"model": b64encode(self.model).decode("ascii")}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "Vocabulary":
        """The vocabulary that ``to_json`` described.

        Raises:
            DataError: it describes none, or one of words as white space alone parts them, which
                runs of the first format had.
            MissingExtra: sentencepiece is not installed (for pieces alone).
        """
        units, lower_case = stored.get("units"), stored.get("lower_case", False)
        if units == "pieces" and isinstance(stored.get("model"), str):
            try:
                model = b64decode(stored["model"], validate=True)
            except (binascii.Error, ValueError):
                raise DataError("the stored pieces are not base64") from None
            return Vocabulary(units, pieces.names(pieces.load(model)), lower_case, model)
        known = stored.get("tokens")
        if units not in ("characters", "words") or not isinstance(known, list):
            raise DataError('a stored vocabulary has "units" and "tokens", and this has not')
        if units == "words" and stored.get("joiner") != tokens.MARK:
            raise DataError(
                "a stored vocabulary of words without their joiners is of an older regard: "
                "train the run again"
            )
        return Vocabulary(units, (*SPECIAL, *known), lower_case)
