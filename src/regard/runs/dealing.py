"""How a part of the data is dealt out in batches, for training and for validation."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from regard.data.batching import LengthBatches


class Deal(NamedTuple):
    """What a training asks for.

    Attributes:
        size: examples in a batch at most, of all processes together.
        seed: of the order.
        learns: whether it is learned from, or chosen by.
        tokens: in a batch at most; None: no limit.
        shards: among how many processes each batch is dealt out.
        shard: which of them this is.
    """

    size: int
    seed: int
    learns: bool
    tokens: int | None = None
    shards: int = 1
    shard: int = 0


class Batches(Protocol):
    """Indices in batches: as many in every epoch, the same for a seed and an epoch.

    ``epoch`` is set before each pass; ``skip`` leaves out that many batches, once: so training goes
    on in the midst of an epoch.
    """

    epoch: int
    skip: int

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[list[int]]: ...


class Dealt(NamedTuple):
    """What there is, which of it makes a batch, and how it becomes one."""

    examples: Sequence[Any]
    batches: Batches
    collate: Callable[[list[Any]], Any]


def by_length(part: Sequence[Any], encoding: Any, deal: Deal) -> Dealt:
    """Examples of like length together (``LengthBatches``)."""
    batches = LengthBatches(
        _lengths(part, encoding),
        deal.size,
        deal.seed,
        tokens=deal.tokens,
        shards=deal.shards,
        shard=deal.shard,
    )
    return Dealt(part, batches, encoding.batch)


def _lengths(examples: Sequence[Any], encoding: Any) -> np.ndarray:
    """Tokens of each example, on each of its sides: 4 bytes a number, while they are made too."""
    shape = np.shape(encoding.length(examples[0]))
    found = map(encoding.length, examples)
    return np.fromiter(found, np.dtype((np.int32, shape)), len(examples))
