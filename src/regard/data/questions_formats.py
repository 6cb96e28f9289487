"""Rows of files of questions: SQuAD's JSON, JSON Lines, and tab-separated columns."""

from collections.abc import Iterator
from typing import Final, Literal

from regard.data import questions_json
from regard.data.files_rows import count, format_of, numbered
from regard.data.questions_rows import Given, Refuse, Row

Format = Literal["tsv", "jsonl", "squad"]

ENDINGS: Final[dict[str, Format]] = {
    ".json": "squad",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tsv": "tsv",
    ".tab": "tsv",
}
"""What the ending of a file says of its format; ``.gz`` may come behind it."""

HEADER: Final = ("passage", "question", "answer")
"""A first row of a TSV file that is passed over."""


def rows(path: str, refuse: Refuse) -> Iterator[Row]:
    """The rows of a file, or of standard input ("-", tab-separated), in its order.

    Args:
        refuse: is told of all that cannot be read, and raises, or is content to go on.

    Raises:
        DataError: as ``files.lines``; nothing says the format; JSON that cannot be read at all.

    Cost: one line at a time; SQuAD's JSON is held in memory.
    """
    match format_of(path, ENDINGS):
        case "squad":
            return questions_json.squad(path, refuse)
        case "jsonl":
            return questions_json.lines(path, refuse)
        case "tsv":
            return _columns(path, refuse)


def _columns(path: str, refuse: Refuse) -> Iterator[Row]:
    for number, line in numbered(path, refuse):
        columns = line.split("\t")
        if number == 1 and tuple(column.strip().lower() for column in columns) == HEADER:
            continue
        if len(columns) == 3:
            passage, question, answer = columns
            yield Row(f":{number}", passage, question, (Given(answer),))
        elif line.strip():
            expected = "<TAB>".join(HEADER)
            refuse(f":{number}", f"expected {expected}, and the row has {count(len(columns))}")
