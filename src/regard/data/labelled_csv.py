"""Labelled texts of comma-separated files, whose rows may be of several lines."""

import csv
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from jaxtyping import Int

from regard.data import files
from regard.data.labelled import Labelled, LabelsConfig
from regard.data.labelled_columns import named, numbered
from regard.errors import DataError


class Table(Sequence[Labelled]):
    """Labelled texts in memory, with the lines in which they stood."""

    def __init__(self, name: str, examples: list[Labelled], lines: list[int]) -> None:
        self.name, self._examples, self._lines = name, examples, lines

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> Labelled: ...
    @overload
    def __getitem__(self, index: slice) -> "Table": ...
    def __getitem__(self, index: int | slice) -> "Labelled | Table":
        if isinstance(index, slice):
            return Table(self.name, self._examples[index], self._lines[index])
        return self._examples[index]

    def take(self, indices: Int[np.ndarray, " N"]) -> "Table":
        """The rows of those numbers, counted from 0, in that order."""
        chosen = np.asarray(indices, np.int64).tolist()
        examples = [self._examples[index] for index in chosen]
        return Table(self.name, examples, [self._lines[index] for index in chosen])

    def line_number(self, index: int) -> int:
        """The number, counted from 1, of the line in which a row begins."""
        return self._lines[index]


def read(path: str, config: LabelsConfig, *, headed: bool) -> Table:
    """The labelled texts of a CSV file.

    Raises:
        DataError: as ``labelled_files.read``.

    Cost: all of it in memory.
    """
    name = files.name(path)
    columns = None if headed else numbered(config)
    examples: list[Labelled] = []
    lines: list[int] = []
    for number, row in _records(path):
        try:
            if columns is None:
                columns = named(row, config)
                continue
            examples.append(columns.of(row))
        except DataError as error:
            raise DataError(f"{name}:{number}: {error}") from None
        lines.append(number)
    if not examples:
        expected = "a header and rows" if headed else "rows of columns"
        raise DataError(f"{name}: the file is empty; expected {expected}")
    return Table(name, examples, lines)


def _records(path: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of the line in which it begins."""
    reached = 0

    def lines() -> Iterator[str]:
        nonlocal reached
        for number, line in files.lines(path):
            reached = number
            yield line + "\n"

    reader = csv.reader(lines(), strict=True)
    before = csv.field_size_limit()
    while True:
        first = reached + 1
        csv.field_size_limit(files.LONGEST)  # of the whole process, so only while we read
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{files.name(path)}:{first}: no CSV: {error}") from None
        finally:
            csv.field_size_limit(before)
        if row:
            yield first, row
