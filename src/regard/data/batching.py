"""Batches of encoded pairs: rows of like length together, the rest padded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from regard.data.pairs import Pair
from regard.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary


class Batch(NamedTuple):
    """Sources ``(B, S)`` and targets ``(B, T)`` as numbers, padded with PAD, and their lengths.

    A target begins with BEGIN and ends with END. A source has at least one token.
    """

    source: Int[Tensor, "B S"]
    source_lengths: Int[Tensor, " B"]
    target: Int[Tensor, "B T"]
    target_lengths: Int[Tensor, " B"]


class Encoding(NamedTuple):
    """How pairs become numbers: a vocabulary for each side."""

    source: Vocabulary
    target: Vocabulary

    def sources(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Numbers ``(B, S)`` and lengths ``(B,)``; an empty text is one unknown token."""
        return pad([self.source.encode(text) or [UNKNOWN] for text in texts])

    def batch(self, pairs: Sequence[Pair]) -> Batch:
        """Pairs as one batch."""
        targets = [[BEGIN, *self.target.encode(pair.target), END] for pair in pairs]
        return Batch(*self.sources([pair.source for pair in pairs]), *pad(targets))


def pad(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "B N"], Int[Tensor, " B"]]:
    """Rows of numbers as one tensor, short ones filled with PAD, and the rows' lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.full((len(rows), int(lengths.max())), PAD)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = torch.tensor(row)
    return padded, lengths


@dataclass
class LengthBatches:
    """Indices in batches of like length, shuffled anew in every epoch, the same for a seed.

    Set ``epoch`` before iterating; ``skip`` leaves out that many batches, once: so training
    goes on in the midst of an epoch.

    Args:
        lengths: of every example (tokens).
        size: examples in a batch.
        seed: of the order.
    """

    lengths: Sequence[int]
    size: int
    seed: int
    epoch: int = 0
    skip: int = 0
    pool: int = field(default=50, repr=False)  # batches that are sorted together

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=random).tolist()
        span = self.size * self.pool
        batches = []
        for start in range(0, len(order), span):
            near = sorted(order[start : start + span], key=self.lengths.__getitem__)
            batches += [near[i : i + self.size] for i in range(0, len(near), self.size)]
        skipped, self.skip = self.skip, 0
        for index in torch.randperm(len(batches), generator=random).tolist()[skipped:]:
            yield batches[index]
