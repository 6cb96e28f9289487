"""Rows of captions, whatever the file's format; and what becomes of rows that cannot be read."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from regard.data import files
from regard.errors import DataError

NAMED: Final = 5
"""Things left out that are told one by one; of more, how many there are."""


class Row(NamedTuple):
    """The name of an image, and a caption; where they stand: ":7", or ": object 7"."""

    place: str
    image: str
    caption: str


class Refuse(Protocol):
    """What is told of every row that cannot be read: its place, and why."""

    def __call__(self, place: str, why: str, /) -> None: ...


class Problems:
    """What cannot be read of a file: the first ends the reading, or all are left out and counted.

    Args:
        name: what messages call the file.
        skip: whether they are left out.
    """

    def __init__(self, name: str, *, skip: bool) -> None:
        self.name, self._skip = name, skip
        self._rows = self._images = 0
        self._first: list[str] = []

    def refuse_row(self, place: str, why: str) -> None:
        """Raises:
        DataError: with the file and the place, unless it is to be left out.
        """
        self._refuse(place, why)
        self._rows += 1

    def refuse_image(self, place: str, why: str) -> None:
        """As ``refuse_row``, of an image that is named at a place."""
        self._refuse(place, why)
        self._images += 1

    def nothing(self) -> DataError:
        """The error of a file of which nothing is left."""
        if not self._first:
            return DataError(f"{self.name}: the file is empty; expected images and their captions")
        return DataError(f"{self.name}: nothing in it can be read; first, {self._first[0]}")

    def notes(self, captions: int) -> list[str]:
        """Sentences on what was left out.

        Args:
            captions: how many captions of images that cannot be read.
        """
        if not self._first:
            return []
        out = [_count(self._rows, "row")] if self._rows else []
        if self._images:
            out.append(f"{_count(self._images, 'image')} with {_count(captions, 'caption')}")
        more = self._rows + self._images - len(self._first)
        return [
            f"{self.name}: left out, for they cannot be read: {' and '.join(out)}",
            *(f"left out: {message}" for message in self._first),
            *([f"left out: {more:,} more"] if more else []),
        ]

    def _refuse(self, place: str, why: str) -> None:
        message = f"{self.name}{place}: {why}"
        if not self._skip:
            raise DataError(message)
        if len(self._first) < NAMED:
            self._first.append(message)


def numbered(path: str, refuse: Refuse) -> Iterator[tuple[int, str]]:
    """As ``files.lines``, but that a line which is no text is refused as a row."""
    for number, raw in files.raw_lines(path):
        if number == 1:
            raw = raw.removeprefix(files.BYTE_ORDER_MARK)
        try:
            line = files.text(path, number, raw)
        except DataError as error:
            place = f":{number}"
            refuse(place, str(error).removeprefix(f"{files.name(path)}{place}: "))
        else:
            yield number, line


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
