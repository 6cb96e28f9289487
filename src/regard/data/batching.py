"""Batches of encoded pairs: rows of like length together, the rest padded."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from regard.data.copying import Copies, copies_of
from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary
from regard.errors import DataError, RangeError


class Batch(NamedTuple):
    """Sources ``(B, S)`` and targets ``(B, T)`` as numbers, padded with PAD, and their lengths.

    A target begins with BEGIN and ends with END. A source has at least one token. ``copies`` says
    which words of the source can be copied, where the model copies.
    """

    source: Int[Tensor, "B S"]
    source_lengths: Int[Tensor, " B"]
    target: Int[Tensor, "B T"]
    target_lengths: Int[Tensor, " B"]
    copies: Copies | None = None


class Sources(NamedTuple):
    """Sources alone: as in ``Batch``."""

    source: Int[Tensor, "B S"]
    lengths: Int[Tensor, " B"]
    copies: Copies | None = None


class Encoding(NamedTuple):
    """How pairs become numbers: a vocabulary for each side, and whether words are copied."""

    source: Vocabulary
    target: Vocabulary
    copy: bool = False

    def sources(self, texts: Sequence[str]) -> Sources:
        """Texts as numbers; an empty text is one unknown token."""
        padded = pad([self.source.encode(text) or [UNKNOWN] for text in texts])
        return Sources(*padded, copies_of(self, texts) if self.copy else None)

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Pairs as one batch."""
        texts, truths = [pair.source for pair in pairs], [pair.target for pair in pairs]
        sources = pad([self.source.encode(text) or [UNKNOWN] for text in texts])
        targets = pad([[BEGIN, *self.target.encode(truth), END] for truth in truths])
        copies = copies_of(self, texts, truths) if self.copy else None
        return Batch(*sources, *targets, copies)

    def length(self, pair: Pair) -> tuple[int, int]:
        """Tokens of the source and of the target."""
        return len(self.source.encode(pair.source)), len(self.target.encode(pair.target)) + 1

    def to_json(self) -> dict[str, Any]:
        sides = {"source": self.source.to_json(), "target": self.target.to_json()}
        return sides | {"copy": self.copy}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> "Encoding":
        """The encoding that ``to_json`` described.

        Raises:
            DataError: it describes none.
        """
        try:
            sides = (Vocabulary.from_json(stored[side]) for side in ("source", "target"))
            return Encoding(*sides, copy=bool(stored.get("copy", False)))
        except (KeyError, TypeError, AttributeError):
            raise DataError("no vocabularies of a source and a target") from None


def pad(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "B N"], Int[Tensor, " B"]]:
    """Rows of numbers as one tensor, short ones filled with PAD, and the rows' lengths."""
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    padded = np.full((len(rows), int(lengths.max(initial=0))), PAD, np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(padded), torch.from_numpy(lengths)


class LengthBatches:
    """Indices in batches of like length, shuffled anew in every epoch, the same for a seed.

    Rows are sorted by length, those of equal length in a new order each epoch, and cut into
    batches, which come in a new order too. The cuts are the same in every epoch, for they depend on
    the lengths alone: so an epoch always has as many batches.

    Set ``epoch`` before iterating; ``skip`` leaves out that many batches, once: so training
    goes on in the midst of an epoch.

    Args:
        lengths: of every example (tokens), on each of its sides: ``(N,)`` or ``(N, sides)``.
        size: examples in a batch.
        seed: of the order.
        tokens: how many tokens a batch holds at most, padding counted, on its longer side; None:
            no limit. One row that is longer makes a batch of its own.
        shards: among how many processes each batch is dealt out.
        shard: which of them this is.

    Raises:
        RangeError: fewer examples than processes.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        size: int,
        seed: int,
        *,
        tokens: int | None = None,
        shards: int = 1,
        shard: int = 0,
    ) -> None:
        self.lengths = np.asarray(lengths, np.int32).reshape(len(lengths), -1)
        self.size, self.seed, self.tokens = max(size, shards), seed, tokens
        self.shards, self.shard = shards, shard
        self.epoch = self.skip = 0
        if len(self.lengths) < shards:
            raise RangeError(
                f"{len(self.lengths)} examples cannot be dealt out among {shards} processes"
            )

    @cached_property
    def cuts(self) -> list[int]:
        """Where batches end, in the order of lengths."""
        sides = self.lengths[self._sorted(np.zeros(len(self.lengths)))]
        cuts, start = [], 0
        while start < len(sides):
            # Lengths rise on the first side alone, so the longest row need not be the last.
            longest = np.maximum.accumulate(sides[start : start + self.size].max(1))
            rows = len(longest)
            if self.tokens is not None:
                fit = longest * np.arange(1, rows + 1) <= self.tokens
                rows = rows if fit.all() else max(int(fit.argmin()), self.shards)
            start = min(start + rows, len(sides))
            # A rest that is too small for every process to have a row joins the batch before it.
            start = len(sides) if len(sides) - start < self.shards else start
            cuts.append(start)
        return cuts

    def __len__(self) -> int:
        return len(self.cuts)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((self.seed, self.epoch))
        order = self._sorted(random.random(len(self.lengths)))
        batches = np.split(order, self.cuts[:-1])
        skipped, self.skip = self.skip, 0
        for index in random.permutation(len(batches))[skipped:]:
            yield batches[index][self.shard :: self.shards].tolist()

    def _sorted(self, ties: np.ndarray) -> np.ndarray:
        return np.lexsort((ties, *self.lengths.T[::-1]))
