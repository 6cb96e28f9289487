"""Files of labelled texts: tab-separated, comma-separated, and JSON Lines."""

from pathlib import PurePath
from typing import Final

from regard.data import labelled_csv
from regard.data.labelled import Format, Labelled, LabelsConfig
from regard.data.labelled_columns import Keys, TwoColumns, named, numbered
from regard.data.labelled_csv import Table
from regard.data.rows import Rows
from regard.errors import DataError

ENDINGS: Final[dict[str, Format]] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
"""What the ending of a file says of its format; ``.gz`` may come behind it."""


def read(path: str, config: LabelsConfig) -> Rows[Labelled] | Table:
    """The labelled texts of a file, or of standard input ("-").

    Text and label have the white space at their ends taken off. A row of JSON Lines may have other
    keys; its label may be a number, true or false, which is read as a text.

    Raises:
        DataError: as ``files.lines``; nothing says the format; a column that is asked for is not
            there or there twice; a row has too few or too many columns, an empty text or label, or
            is no JSON object. The message begins with ``file:line:``.

    Cost: a TSV and JSON Lines file stays on disk, with 8 bytes a row in memory; CSV, whose rows may
    be of several lines, is held in memory.
    """
    form = config.format or _format(path)
    headed = any(name is not None and not name.isdecimal() for name in (config.text, config.label))
    told = config.text is not None or config.label is not None
    if form == "jsonl":
        keys = Keys(config.text or "text", config.label or "label")
        return Rows(path, keys, expected="a JSON object in every line")
    if form == "csv":
        return labelled_csv.read(path, config, headed=headed or not told)
    if headed:
        return Rows.headed(path, lambda line: named(line.split("\t"), config))
    if not told:
        return Rows(path, TwoColumns(), expected="rows of text<TAB>label")
    return Rows(path, numbered(config), expected="rows of columns parted by tabs")


def _format(path: str) -> Format:
    if path == "-":
        return "tsv"
    ending = PurePath(path.removesuffix(".gz")).suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"{path}: the name of the file does not say its format (its ending is none of "
            f"{', '.join(ENDINGS)}): set data.format to tsv, csv or jsonl"
        )
    return ENDINGS[ending]
