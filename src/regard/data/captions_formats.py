"""Rows of files that say which caption is whose: tab-separated, JSON Lines, and JSON."""

from collections.abc import Iterator
from typing import Final, Literal

from regard.data import captions_json
from regard.data.captions_rows import Row
from regard.data.files_rows import Refuse, count, fault, format_of, numbered

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
    match format_of(path, ENDINGS):
        case "tsv":
            found = _columns(path, refuse)
        case "jsonl":
            found = captions_json.lines(path, refuse)
        case "json":
            found = captions_json.whole(path, refuse)
    for place, image, caption in found:
        row = Row(place, image.strip(), " ".join(caption.split()))
        if why := fault("name of the image", row.image):
            refuse(place, why)
        elif why := fault("caption", row.caption):
            refuse(f"{place}: {row.image}", why)
        else:
            yield row


def _columns(path: str, refuse: Refuse) -> Iterator[Row]:
    for number, line in numbered(path, refuse):
        columns = line.split("\t")
        if number == 1 and tuple(column.strip().lower() for column in columns) == HEADER:
            continue
        if len(columns) == 2:
            yield Row(f":{number}", *columns)
        elif line.strip():
            have = count(len(columns))
            refuse(f":{number}", f"expected image<TAB>caption, and the row has {have}")
