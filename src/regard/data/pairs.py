"""Pairs of texts, the food of a translator: what they are, and how a file of them is read."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

from regard.errors import DataError


class Pair(NamedTuple):
    """A text and what it should become."""

    source: str
    target: str


class Splits(NamedTuple):
    """Pairs to learn from, to choose by, and to be judged on."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


def read(path: str) -> list[Pair]:
    """The pairs of a file of two tab-separated columns.

    UTF-8, with or without a byte-order mark and Windows line ends; ``.gz`` is unpacked; ``-`` is
    standard input. Empty lines are passed over.

    Raises:
        DataError: the file is missing, empty, not UTF-8, not what its ``.gz`` says, or has a row
            without two columns; the message begins with ``file:line:``.

    Cost: the whole file in memory.
    """
    pairs = [_pair(path, number, line) for number, line in lines(path) if line]
    if not pairs:
        raise DataError(f"{_name(path)}: the file is empty; expected rows of source<TAB>target")
    return pairs


def lines(path: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text file, read one by one, without their ends.

    Raises:
        DataError: as ``read``.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, 1):
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, text.rstrip("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{_name(path)}:{number}: not UTF-8: byte 0x{error.object[error.start]:02x} "
            f"at place {error.start + 1} of the line"
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{_name(path)}:{number + 1}: not a whole gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"{_name(path)}: {error.strerror or error}") from None


def _open(path: str) -> AbstractContextManager[Iterable[bytes]]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    return gzip.open(path) if path.endswith(".gz") else Path(path).open("rb")


def _pair(path: str, number: int, line: str) -> Pair:
    columns = line.split("\t")
    if len(columns) != 2 or not all(column.strip() for column in columns):
        have = f"{len(columns)} column{'s' * (len(columns) != 1)}"
        if len(columns) == 2:
            have = "an empty column"
        raise DataError(
            f"{_name(path)}:{number}: expected source<TAB>target, and the row has {have}"
        )
    return Pair(*columns)


def _name(path: str) -> str:
    return "standard input" if path == "-" else path
