"""Rows of captions, whatever the file's format."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from regard.data import files
from regard.errors import DataError


class Row(NamedTuple):
    """The name of an image, and a caption; where they stand: ":7", or ": object 7"."""

    place: str
    image: str
    caption: str


class Refuse(Protocol):
    """What is told of every row that cannot be read: its place, and why."""

    def __call__(self, place: str, why: str, /) -> None: ...


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
