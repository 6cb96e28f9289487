"""Rows of files that say which caption is whose: tab-separated, JSON Lines, and JSON."""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final, Literal

from regard.data import captions_json
from regard.data.captions_rows import Refuse, Row, numbered
from regard.errors import DataError

Format = Literal["tsv", "jsonl", "json"]

ENDINGS: Final[dict[str, Format]] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
"""What the ending of a file says of its format; ``.gz`` may come behind it."""

HEADER: Final = ("image", "caption")
"""A first row of a TSV file that is passed over."""


def rows(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a file, or of standard input ("-", tab-separated), in its order.

    Runs of white space within a caption become one space.

    Args:
        refuse: is told of every row that cannot be read, and raises, or is content to go on.

    Raises:
        DataError: as ``files.lines``; nothing says the format; JSON that cannot be read at all.

    Cost: one line at a time; JSON that is not in lines is held in memory.
    """
    match _format(path):
        case "tsv":
            found = _columns(path, refuse)
        case "jsonl":
            found = captions_json.lines(path, refuse)
        case "json":
            found = captions_json.whole(path, refuse)
    for place, image, caption in found:
        row = Row(place, image.strip(), " ".join(caption.split()))
        if why := _fault("name of the image", row.image):
            refuse(place, why)
        elif why := _fault("caption", row.caption):
            refuse(f"{place}: {row.image}", why)
        else:
            yield row


def _format(path: str) -> Format:
    if path == "-":
        return "tsv"
    ending = PurePath(path.removesuffix(".gz")).suffix.lower()
    if ending not in ENDINGS and not Path(path).is_dir():  # opening a folder says that it is one
        raise DataError(
            f"{path}: the name of the file does not say its format: expected one that ends in "
            f"{', '.join(ENDINGS)} (.gz may come behind)"
        )
    return ENDINGS.get(ending, "tsv")


def _fault(what: str, text: str) -> str | None:
    """Why a text cannot be used."""
    if not text:
        return f"the {what} is empty"
    if "\0" in text:
        return f"the {what} has a NUL character"
    # JSON can write a surrogate, and UTF-8 cannot.
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return f"the {what} has half a character"
    return None


def _columns(path: str, refuse: Refuse) -> Iterator[Row]:
    for number, line in numbered(path, refuse):
        columns = line.split("\t")
        if number == 1 and tuple(column.strip().lower() for column in columns) == HEADER:
            continue
        if len(columns) == 2:
            yield Row(f":{number}", *columns)
        elif line.strip():
            have = f"{len(columns)} columns" if len(columns) > 1 else "no tab"
            refuse(f":{number}", f"expected image<TAB>caption, and the row has {have}")
