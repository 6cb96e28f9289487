"""Rows of a text file that stay on disk: files larger than memory, read at any place."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from jaxtyping import Int

from regard.data import files
from regard.data.stored_lines import Spool, Stamp, StoredLines
from regard.errors import DataError

T = TypeVar("T")
Parse = Callable[[str, int], T]
"""From a line without its end, and its number, to a row; raises DataError without the place."""


class Rows(Sequence[T]):
    """The rows of a text file, parsed when they are asked for.

    One pass notes where each line begins and parses it once, so that a row which cannot be read is
    told now and not in the midst of a training. Empty lines are passed over. What cannot be read
    twice (``.gz``, standard input, a pipe) is written to a temporary file, which goes away with the
    rows. Threads may read at the same time; a copy that is pickled for another process opens the
    file again, and needs ``parse`` to be picklable.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("one\\n\\ntwo\\nthree\\n")
    ...     file.flush()
    ...     rows = Rows(file.name, lambda line, number: (number, line))
    ...     len(rows), rows[1], list(rows.take([2, 0]))
    (3, (3, 'two'), [(4, 'three'), (1, 'one')])

    Args:
        path: as ``files.lines`` takes it.
        parse: from a line and its number in the file to a row. Where it raises DataError, the
            message is given the file and the line.
        expected: what the rows should be, for the message of an empty file.
        keep_empty: whether empty lines are rows too.

    Raises:
        DataError: as ``files.lines``; or the file has no row; or it was changed later, while it
            was in use.

    Cost: 8 bytes of memory a row (16 where lines were passed over); one row and one line at a time.
    """

    def __init__(
        self,
        path: str,
        parse: Parse[T],
        *,
        expected: str = "rows of text",
        keep_empty: bool = False,
    ) -> None:
        self._lines, self.parse = _index(path, parse, None, keep_empty=keep_empty)
        self._indices: np.ndarray | None = None
        self._refuse_empty(expected)

    @classmethod
    def headed(
        cls, path: str, parser: Callable[[str], Parse[T]], *, expected: str = "a header and rows"
    ) -> "Rows[T]":
        """The rows of a file whose first line that is not empty says what the others are.

        Args:
            parser: from that line to the ``parse`` of the others.
        """
        lines, parse = _index(path, None, parser, keep_empty=False)
        made = cls._view(lines, parse, None)
        made._refuse_empty(expected)
        return made

    @classmethod
    def _view(cls, lines: StoredLines, parse: Parse[T], indices: np.ndarray | None) -> "Rows[T]":
        made = cls.__new__(cls)
        made._lines, made.parse, made._indices = lines, parse, indices
        return made

    def _refuse_empty(self, expected: str) -> None:
        if not len(self):
            raise DataError(f"{self.name}: the file is empty; expected {expected}")

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self._lines.name

    def take(self, indices: Int[np.ndarray, " N"] | Sequence[int]) -> "Rows[T]":
        """The rows of those numbers, counted from 0, in that order; nothing is read or copied."""
        chosen = np.asarray(indices, dtype=np.int64)
        if self._indices is not None:
            chosen = self._indices[chosen]
        return self._view(self._lines, self.parse, chosen)

    def line_number(self, index: int) -> int:
        """The number, counted from 1, of the line in which a row stands."""
        return self._lines.number(self._place(index))

    def __len__(self) -> int:
        return len(self._lines.starts if self._indices is None else self._indices)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows[T]": ...
    def __getitem__(self, index: int | slice) -> "T | Rows[T]":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        place = self._place(index)
        return self._parsed(place, self._lines.at(place))

    def __iter__(self) -> Iterator[T]:
        places = range(len(self)) if self._indices is None else map(int, self._indices)
        for place, raw in self._lines.each(places):
            yield self._parsed(place, raw)

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        index = range(len(self))[index]
        return index if self._indices is None else int(self._indices[index])

    def _parsed(self, place: int, raw: bytes) -> T:
        number = self._lines.number(place)
        try:
            return self.parse(files.text(self.name, number, raw), number)
        except DataError:  # it was fine when the file was indexed
            raise self._lines.changed() from None


def _index(
    path: str,
    parse: Parse[T] | None,
    parser: Callable[[str], Parse[T]] | None,
    *,
    keep_empty: bool,
) -> tuple[StoredLines, Parse[T]]:
    """Where the rows of a file begin, every one having been parsed; and how they are parsed."""
    plain = files.is_plain(path)
    stamp, spool = (Stamp.of(Path(path).stat()), None) if plain else (None, Spool(path))
    starts, numbers, end = array("q"), array("q"), 0
    with spool or nullcontext():
        for number, raw in files.raw_lines(path):
            if spool is not None:
                spool.write(raw)
            start, end = end, end + len(raw)
            if number == 1 and raw.startswith(files.BYTE_ORDER_MARK):
                start, raw = start + len(files.BYTE_ORDER_MARK), raw[len(files.BYTE_ORDER_MARK) :]
            line = files.text(path, number, raw)
            if not line and not keep_empty:
                continue
            try:
                if parse is None:
                    assert parser is not None
                    parse = parser(line)
                    continue
                parse(line, number)
            except DataError as error:
                raise DataError(f"{files.name(path)}:{number}: {error}") from None
            starts.append(start)
            numbers.append(number)
    lines = StoredLines(path, spool, stamp)
    if starts:
        lines.starts = np.frombuffer(starts, np.int64)
    if starts and numbers[-1] > len(starts):  # else a row's place says its line
        lines.numbers = np.frombuffer(numbers, np.int64)
    return lines, parse or _never


def _never(line: str, number: int) -> Any:
    raise AssertionError("a file without a header has no rows")
