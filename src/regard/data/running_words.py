"""Running text as numbers: its words, and how often each was learned from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from regard.data import tokens
from regard.data.running import RunningConfig, Units
from regard.data.running_text import Passage
from regard.data.streams import Stretch
from regard.data.vocabulary import END, PAD, SPECIAL, UNKNOWN
from regard.errors import DataError

END_OF_LINE = "¶"
"""What the end of a line is shown as."""


@dataclass(frozen=True)
class RunningWords:
    """How running text becomes numbers: each line its words, and END behind them.

    Attributes:
        units: what a word is, as ``RunningConfig`` says.
        words: the word of each number; the first four are padding, unknown, begin and end.
        counts: how often each stands in the training part.
        stretch: words of every stream in a step.

    >>> words = RunningWords.of([Passage("to be or not to be"), Passage("")], RunningConfig())
    >>> words.encode("not to be").tolist(), words.counts
    ([1, 5, 4, 3], (0, 2, 0, 2, 2, 2))
    """

    units: Units
    words: tuple[str, ...]
    counts: tuple[int, ...]
    stretch: int

    @staticmethod
    def of(train: Iterable[Passage], config: RunningConfig) -> "RunningWords":
        """The words of the training part: the most frequent first, and of equals the lower code
        point."""
        counts = Counter(
            word for one in train for line in one.lines for word in split(line, config.units)
        )
        lines = sum(len(one.lines) for one in train)
        often = [word for word, count in counts.items() if count >= config.min_count]
        ranked = sorted(often, key=lambda word: (-counts[word], word))
        known = [word for word in ranked if word not in SPECIAL][: config.vocabulary]
        learned = [counts[word] for word in known]
        unknown = sum(counts.values()) - sum(learned)
        return RunningWords(
            config.units,
            (*SPECIAL, *known),
            (0, unknown, 0, lines, *learned),
            config.stretch,
        )

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def of_line(self, line: str) -> list[int]:
        """The numbers of a line's words, without END."""
        found = (self.numbers.get(word, UNKNOWN) for word in split(line, self.units))
        return [number if number > END else UNKNOWN for number in found]

    def encode(self, text: str) -> Int[np.ndarray, " N"]:
        """The numbers of a text, END behind each of its lines."""
        return np.array(
            [number for line in text.split("\n") for number in (*self.of_line(line), END)]
        )

    def text(self, part: Iterable[Passage]) -> Int[np.ndarray, " N"]:
        """The numbers of passages, one after another."""
        return np.concatenate([self.encode(passage.text) for passage in part])

    def length(self, example: Passage) -> int:
        return sum(len(split(line, self.units)) + 1 for line in example.lines)

    def batch(self, examples: Sequence[Passage]) -> Stretch:
        """Passages side by side, each from its beginning to its end."""
        rows = [self.encode(passage.text) for passage in examples]
        truth = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
        words = truth.copy()
        for number, row in enumerate(rows):
            truth[number, : len(row)] = row
            words[number, : len(row)] = [END, *row[:-1]]
        return Stretch.of(torch.from_numpy(words), torch.from_numpy(truth), begins=True)

    def join(self, words: Iterable[str]) -> str:
        """The text of words."""
        return tokens.join(words) if self.units == "words" else " ".join(words)

    def shown(self, words: Iterable[str]) -> list[str]:
        """Words for people to read: without their joiners, and a sign for the end of a line."""
        bare = tokens.shown if self.units == "words" else str
        return [END_OF_LINE if word == SPECIAL[END] else bare(word) for word in words]

    def to_json(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "words": list(self.words[len(SPECIAL) :]),
            "counts": list(self.counts),
            "stretch": self.stretch,
        }

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "RunningWords":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            words, counts = (*SPECIAL, *stored["words"]), tuple(map(int, stored["counts"]))
            found = RunningWords(stored["units"], words, counts, int(stored["stretch"]))
        except (KeyError, TypeError, ValueError):
            raise DataError("no words of running text and their counts") from None
        if len(words) != len(counts):
            raise DataError(f"{len(words)} words have {len(counts)} counts")
        return found


def split(line: str, units: Units) -> list[str]:
    """A line's words.

    >>> split("well-made.", "words"), split("well-made .", "spaced")
    (['well', '￭-￭', 'made', '￭.'], ['well-made', '.'])
    """
    return tokens.split(line) if units == "words" else line.split()
