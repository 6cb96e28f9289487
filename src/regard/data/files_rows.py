"""What files of rows have in common: a format by their name, and rows that are refused."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Protocol, TypeVar

from regard.data import files
from regard.errors import DataError

Form = TypeVar("Form", bound=str)


class Refuse(Protocol):
    """What is told of every row that cannot be read: its place, and why."""

    def __call__(self, place: str, why: str, /) -> None: ...


def format_of(path: str, endings: Mapping[str, Form], otherwise: str = "") -> Form:
    """What the ending of a file says of its format; ``.gz`` may come behind it.

    Args:
        endings: the format of each ending; standard input and a folder, which cannot be opened,
            have that of ``.tsv``.
        otherwise: what to do where it says nothing.

    Raises:
        DataError: it says nothing.
    """
    ending = PurePath(path.removesuffix(".gz")).suffix.lower()
    if path == "-" or (ending not in endings and files.is_folder(path)):
        return endings[".tsv"]
    if ending not in endings:
        raise DataError(
            f"{path}: the name of the file does not say its format: expected one that ends in "
            f"{', '.join(endings)} (.gz may come behind){otherwise}"
        )
    return endings[ending]


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


def fault(what: str, text: str) -> str | None:
    """Why a text of a row cannot be used."""
    if not text:
        return f"the {what} is empty"
    if "\0" in text:
        return f"the {what} has a NUL character"
    # JSON can write a surrogate, and UTF-8 cannot.
    if not text.isascii() and (half := next((one for one in text if _is_half(one)), None)):
        return f"the {what} has half a character: {half!r}"
    return None


def count(columns: int) -> str:
    """How many columns a row has, in words."""
    return f"{columns} columns" if columns > 1 else "no tab"


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
