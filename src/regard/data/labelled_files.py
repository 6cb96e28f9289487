"""Files of labelled texts: tab-separated, comma-separated, and JSON Lines."""

from typing import Final

from regard.data import labelled_csv
from regard.data.files_rows import format_of
from regard.data.labelled import Format, Labelled, LabelsConfig
from regard.data.labelled_columns import Keys, TwoColumns, named, numbered
from regard.data.labelled_csv import Table
from regard.data.rows import Rows

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
    headed = is_headed(path, config)
    if form == "jsonl":
        keys = Keys(config.text or "text", config.label or "label")
        return Rows(path, keys, expected="a JSON object in every line")
    if form == "csv":
        return labelled_csv.read(path, config, headed=headed)
    if headed:
        return Rows.headed(path, lambda line: named(line.split("\t"), config))
    if config.text is None and config.label is None:
        return Rows(path, TwoColumns(), expected="rows of text<TAB>label")
    return Rows(path, numbered(config), expected="rows of columns parted by tabs")


def is_headed(path: str, config: LabelsConfig) -> bool:
    """Whether the columns of a file have names, from its header or as keys."""
    form = config.format or _format(path)
    if config.text is None and config.label is None:
        return form != "tsv"
    names = (name is not None and not name.isdecimal() for name in (config.text, config.label))
    return form == "jsonl" or any(names)


def _format(path: str) -> Format:
    return format_of(path, ENDINGS, ", or data.format of tsv, csv or jsonl")
