"""Words of a source that may be copied into its target, unknown ones included.

Numbers behind the target's vocabulary stand for the unknown words of a row's own source: the first
of them is the vocabulary's size in every row, and means another word in each.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary


class Copies(NamedTuple):
    """What may be copied, in the extended vocabulary: the target's, and behind it a row's own
    unknown words.

    source ``(B, S)``, which word stands at each place of the source · target ``(B, T)``, the truth,
    where there is one · words, the unknown words of each row, in the order of their numbers
    """

    source: Int[Tensor, "B S"]
    target: Int[Tensor, "B T"] | None
    words: list[tuple[str, ...]]

    @property
    def unknown(self) -> int:
        """The largest number of unknown words of a row."""
        return max(map(len, self.words), default=0)


class Sides(Protocol):
    """The vocabularies of both sides."""

    @property
    def source(self) -> Vocabulary: ...
    @property
    def target(self) -> Vocabulary: ...


def copies_of(
    encoding: Sides, sources: Sequence[str], targets: Sequence[str] | None = None
) -> Copies:
    """What texts may copy; a word of the source that the target's vocabulary knows is that word.

    The rows are as long as those of ``data.batching``: an empty source is one unknown token, a
    target begins with BEGIN and ends with END, and PAD is behind. A word of the target that neither
    the vocabulary nor its source has is UNKNOWN.

    Source: See, Liu, Manning 2017 (arXiv:1704.04368), §2.2: the extended vocabulary

    >>> from types import SimpleNamespace
    >>> known = Vocabulary.of(["hello, I am"], "words")
    >>> copies = copies_of(SimpleNamespace(source=known, target=known), ["I am Ann"], ["hello Ann"])
    >>> copies.source.tolist(), copies.target.tolist(), copies.words
    ([[4, 5, 8]], [[2, 6, 8, 3]], [('Ann',)])
    """
    rows, truths, words = [], [], []
    for row, text in enumerate(sources):
        tokens = encoding.source.split(text)
        own: dict[str, int] = {}
        numbers = [_number(encoding.target, token, own, new=True) for token in tokens]
        rows.append(numbers or [UNKNOWN])
        words.append(tuple(own))
        if targets is not None:
            truth = encoding.target.split(targets[row])
            found = (_number(encoding.target, token, own, new=False) for token in truth)
            truths.append([BEGIN, *found, END])
    return Copies(_padded(rows), None if targets is None else _padded(truths), words)


def _number(vocabulary: Vocabulary, token: str, own: dict[str, int], *, new: bool) -> int:
    """The number of a token: the vocabulary's, or that of the row's own unknown words, to which it
    is added if it is ``new``."""
    known = vocabulary.numbers.get(token, UNKNOWN)
    if known > END:  # a token that is spelt as a special one is a word like others
        return known
    if new and token not in own:
        own[token] = len(vocabulary) + len(own)
    return own.get(token, UNKNOWN)


def _padded(rows: Sequence[Sequence[int]]) -> Int[Tensor, "B N"]:
    padded = np.full((len(rows), max(map(len, rows), default=0)), PAD, np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(padded)
