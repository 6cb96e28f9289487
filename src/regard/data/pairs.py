"""Pairs of texts, the food of a translator: what they are, and how files of them are read."""

from functools import partial
from typing import NamedTuple

from regard.data.files import lines
from regard.data.parallel import Parallel
from regard.data.rows import Rows
from regard.data.splits import Splits
from regard.errors import DataError, RangeError

__all__ = ["Pair", "Splits", "columns_of", "lines", "read", "read_parallel"]


class Pair(NamedTuple):
    """A text and what it should become."""

    source: str
    target: str


def read(path: str, columns: str | None = None, *, reverse: bool = False) -> Rows[Pair]:
    """The pairs of a file of two tab-separated columns; the file stays on disk.

    UTF-8, with or without a byte-order mark and Windows line ends; ``.gz`` is unpacked; ``-`` is
    standard input. Empty lines are passed over.

    Args:
        path: of the file.
        columns: which two are source and target, counted from 1, such as "1,2", where the file has
            more; None: it has two.
        reverse: whether to swap source and target.

    Raises:
        DataError: the file is missing, empty, not UTF-8, not what its ``.gz`` says, or has a row
            without these columns; the message begins with ``file:line:``.
        RangeError: ``columns`` are not two numbers.

    Cost: as of ``Rows``.
    """
    parse = partial(_pair, None if columns is None else columns_of(columns), reverse)
    return Rows(path, parse, expected="rows of source<TAB>target")


def read_parallel(sources: str, targets: str, *, reverse: bool = False) -> Parallel[Pair]:
    """The pairs of two files, line by line; lines that are empty in both are passed over.

    Raises:
        DataError: as ``read``; or they have different numbers of lines, or a line is empty in one.
    """
    return Parallel(sources, targets, partial(_side_by_side, reverse))


def columns_of(text: str) -> tuple[int, int]:
    """The two places, counted from 0, that a text such as "1,3" means.

    Raises:
        RangeError: it does not mean two different columns.
    """
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != 2 or not all(part.isdecimal() and int(part) > 0 for part in numbers):
        raise RangeError(f'data.columns are two numbers of columns such as "1,2", not {text!r}')
    first, second = (int(part) - 1 for part in numbers)
    if first == second:
        raise RangeError(f"data.columns are two different columns, not {text!r}")
    return first, second


def _pair(places: tuple[int, int] | None, reverse: bool, line: str, number: int) -> Pair:
    columns = line.split("\t")
    have = f"the row has {len(columns)} column{'s' * (len(columns) != 1)}"
    if places is None:
        if len(columns) != 2:
            more = " (data.columns says which two, as 1,2 does)" if len(columns) > 2 else ""
            raise DataError(f"expected source<TAB>target, and {have}{more}")
        places = 0, 1
    elif len(columns) <= max(places):
        asked = f"{places[0] + 1},{places[1] + 1}"
        raise DataError(f"expected columns {asked} of tab-separated ones, and {have}")
    source, target = columns[places[0]], columns[places[1]]
    if not source.strip() or not target.strip():
        raise DataError("expected source<TAB>target, and the row has an empty column")
    return Pair(target, source) if reverse else Pair(source, target)


def _side_by_side(reverse: bool, source: str, target: str) -> Pair:
    return Pair(target, source) if reverse else Pair(source, target)
