"""Running text as streams side by side, read a stretch at a time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from regard.data.vocabulary import END, PAD
from regard.errors import RangeError


class Stretch(NamedTuple):
    """The next words of every stream.

    Attributes:
        truth: the words to be predicted, of all streams, row by row; padding left out.
        places: where in ``(B·T)`` each of them is predicted.
        words: that are read: each the one before the word to be predicted there; PAD behind the end
            of a stream.
        begins: whether the streams begin here; otherwise they go on from the stretch before.
    """

    truth: Int[Tensor, " N"]
    places: Int[Tensor, " N"]
    words: Int[Tensor, "B T"]
    begins: Bool[Tensor, ""]

    @staticmethod
    def of(words: Int[Tensor, "B T"], truth: Int[Tensor, "B T"], *, begins: bool) -> "Stretch":
        """Of what is read and what comes next, both padded with PAD behind."""
        places = (truth.flatten() != PAD).nonzero()[:, 0]
        return Stretch(truth.flatten()[places], places, words, torch.tensor(begins))


class Streams(Sequence[Stretch]):
    """A text as one long row of numbers, cut into streams of equal length that are read side by
    side: stretch t has words ``t·T … (t+1)·T − 1`` of every stream.

    Every word is predicted once, from the words before it in its stream, the first one of the text
    from END. Behind the text, the last streams are filled with PAD.

    Args:
        numbers: of the words of the text.
        streams: how many at most; every one has a word at least.
        stretch: T.
        shards: among how many processes the streams are dealt out.
        shard: which of them this is.

    Raises:
        RangeError: fewer words than processes.

    >>> stretches = Streams(np.array([5, 6, 7, 8, 9]), 2, 2)
    >>> stretches[0].words.tolist(), stretches[0].truth.tolist(), stretches[1].truth.tolist()
    ([[3, 5], [7, 8]], [5, 6, 8, 9], [7])
    """

    def __init__(
        self,
        numbers: Int[np.ndarray, " N"],
        streams: int,
        stretch: int,
        *,
        shards: int = 1,
        shard: int = 0,
    ) -> None:
        if len(numbers) < shards:
            raise RangeError(f"{len(numbers)} words cannot be dealt out among {shards} processes")
        rows = min(max(streams, shards), len(numbers))
        self.length, self.stretch = -(-len(numbers) // rows), stretch
        truth = np.full(rows * self.length, PAD, np.int64)
        truth[: len(numbers)] = numbers
        read = np.concatenate([[END], truth[:-1]])
        self.truth, self.read = (
            torch.from_numpy(x.reshape(rows, self.length)[shard::shards].copy())
            for x in (truth, read)
        )

    def __len__(self) -> int:
        return -(-self.length // self.stretch)

    @overload
    def __getitem__(self, index: int) -> Stretch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Stretch]: ...

    def __getitem__(self, index: int | slice) -> Stretch | list[Stretch]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = slice(index * self.stretch, (index + 1) * self.stretch)
        return Stretch.of(self.read[:, part], self.truth[:, part], begins=index == 0)


class InOrder:
    """The numbers of stretches in their order, one a batch, the same in every epoch; ``skip``
    leaves out that many, once: so training goes on in the midst of an epoch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = self.skip = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        skipped, self.skip = self.skip, 0
        for index in range(skipped, self.count):
            yield [index]
