"""Parts to learn from, to choose by and to be judged on, in which no text stands twice."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt64

from regard.errors import DataError, RangeError

T = TypeVar("T")
Row = TypeVar("Row", covariant=True)


class Splits(NamedTuple, Generic[T]):
    """Examples to learn from, to choose by, and to be judged on.

    Attributes:
        train: to learn from.
        valid: for choosing among states of the model.
        test: for the evaluation.
        others: further test sets by name, such as one of long texts.
        notes: what was done to the data that their user should know, a sentence each.
        left_out: what could not be read and was passed over, each with its file and row, and why.
    """

    train: Sequence[T]
    valid: Sequence[T]
    test: Sequence[T]
    others: Mapping[str, Sequence[T]] = MappingProxyType({})
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
        """train, valid and test."""
        return self[:3]


@runtime_checkable
class Takeable(Protocol[Row]):
    """Rows of which a part can be had without reading them, as of ``rows.Rows``."""

    def take(self, indices: Int[np.ndarray, " N"]) -> Sequence[Row]: ...


def take(rows: Sequence[T], indices: Int[np.ndarray, " N"]) -> Sequence[T]:
    """The rows of those numbers: a view of a file's, a list of others."""
    if isinstance(rows, Takeable):
        return rows.take(indices)
    return [rows[index] for index in indices.tolist()]


def hashes(keys: Iterable[str], seed: int | str) -> UInt64[np.ndarray, " N"]:
    """A number of 64 bits for every key: BLAKE2b, keyed with the seed; the same on any machine.

    Cost: 8 bytes a key.
    """
    salt = str(seed).encode()

    def numbers() -> Iterator[int]:
        for key in keys:
            text = key.encode("utf-8", "surrogatepass")
            digest = hashlib.blake2b(text, digest_size=8, key=salt).digest()
            yield int.from_bytes(digest, "big")

    return np.fromiter(numbers(), np.uint64)


def cut(numbers: UInt64[np.ndarray, " N"], sizes: Sequence[int]) -> list[Int[np.ndarray, " M"]]:
    """The indices of those with the lowest ``sizes[0]`` different numbers, then of the next, …,
    and of the rest; each part in rising order."""
    different = np.unique(numbers)
    bounds = np.cumsum(np.asarray(sizes, dtype=np.int64))
    part = np.searchsorted(different[bounds - 1], numbers, side="left")
    return [np.flatnonzero(part == i) for i in range(len(sizes) + 1)]


def split(
    rows: Sequence[T],
    key: Callable[[T], str],
    valid: float | None,
    test: float | None,
    seed: int,
) -> Splits[T]:
    """Three parts by a text of each row; rows with equal texts stay together.

    ``test`` and ``valid`` are shares of the different texts, and each part has one at least. Texts
    are ranked by a hash that the seed sets: the lowest are the test part, the next the validation
    part. So what is in a part does not depend on the order of the rows; and a part's rows come in
    the order of the file.

    >>> parts = split([f"{i % 5}{letter}" for i in range(10) for letter in "ab"],
    ...               lambda row: row[0], valid=0.2, test=0.4, seed=0)
    >>> [len(part) for part in parts.parts], {row[0] for row in parts.valid}
    ([8, 4, 8], {'3'})

    Args:
        rows: a list, or the rows of a file on disk, of which the parts are views.
        key: from a row to the text that decides.
        valid: share of the validation part; None: an empty one, and so for ``test``.
        seed: of the ranks.

    Raises:
        RangeError: shares that leave nothing to learn from.
        DataError: too few different texts.

    Cost: one pass; 8 bytes a row to keep, 25 while they are ranked.
    """
    shares = [share for share in (test, valid) if share is not None]
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise RangeError(
            "data.valid and data.test are shares above 0 and together below 1, "
            f"and they are {valid} and {test}"
        )
    numbers = hashes(map(key, rows), seed)
    left, needed = len(np.unique(numbers)), len(shares) + 1
    if left < needed:
        parts = {1: "training", 2: "two parts", 3: "training, validation and test"}[needed]
        raise DataError(
            f"{left} different source texts cannot be split into {parts}: "
            f"at least {needed} are needed"
        )
    total, sizes = left, []
    for share in shares:
        needed -= 1
        sizes.append(min(max(1, round(share * total)), left - needed))
        left -= sizes[-1]
    indices = iter(cut(numbers, sizes))
    tested = [] if test is None else take(rows, next(indices))
    chosen = [] if valid is None else take(rows, next(indices))
    return Splits(take(rows, next(indices)), chosen, tested)


def limited(
    rows: Sequence[T], key: Callable[[T], str], limit: int | None, seed: int
) -> Sequence[T]:
    """``limit`` rows at most, drawn by their texts' ranks, in the order they had.

    So a smaller limit gives some of the rows that a larger one does.
    """
    if limit is None or len(rows) <= limit:
        return rows
    order = np.argsort(hashes(map(key, rows), seed), kind="stable")
    return take(rows, np.sort(order[:limit]))


def without(
    rows: Sequence[T], key: Callable[[T], str], others: Iterable[Sequence[T]]
) -> Sequence[T]:
    """The rows whose texts do not stand in the others."""
    taken = np.concatenate([hashes(map(key, part), 0) for part in others])
    return take(rows, np.flatnonzero(~np.isin(hashes(map(key, rows), 0), taken)))


def fingerprint(splits: Splits[Any]) -> str:
    """A text that tells whether two loads gave the same examples: SHA-256 of all of them."""
    digest = hashlib.sha256()
    for part in (*splits.parts, *(splits.others[name] for name in sorted(splits.others))):
        for example in part:
            text = "\t".join(map(_text, example))
            digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
        digest.update(b"\f")
    return digest.hexdigest()


def _text(part: Any) -> str:
    """What a part of an example is, as a text: itself, or the key of a picture."""
    return part if isinstance(part, str) else getattr(part, "key", None) or repr(part)
