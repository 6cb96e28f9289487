"""What the user of a labelled file should know of it: a sentence each, with file and row."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from regard.data import files, labelled_files, tokens
from regard.data.labelled import Labelled, LabelsConfig
from regard.data.labelled_csv import Table
from regard.data.rows import Rows
from regard.data.splits import Splits
from regard.errors import DataError

LabelledRows = Rows[Labelled] | Table

_NAMED: Final = 5
"""Labels that are told one by one; of more, how many there are."""


def check_classes(source: str, rows: LabelledRows, config: LabelsConfig) -> list[str]:
    """A sentence if the first row looks like a header that was read as a row.

    Raises:
        DataError: the rows have one class.
    """
    name, counts = files.name(source), Counter(example.label for example in rows)
    if len(counts) == 1:
        label, count = counts.most_common()[0]
        raise DataError(
            f"{name}: a file with one class: {quoted(label)} ({_rows(count)}): nothing to tell "
            "apart"
        )
    first = rows[0].label
    others = [count for label, count in counts.items() if label != first]
    if labelled_files.is_headed(source, config) or counts[first] > 1 or min(others) == 1:
        return []
    return [
        f"{name}:{rows.line_number(0)}: the label {quoted(first)} of the first row stands in no "
        "other: if this is a header, name its columns by data.text and data.label"
    ]


def left_out(count: int, test_file: str) -> list[str]:
    """A sentence on the rows that stand in the test file too."""
    if not count:
        return []
    stand = "row stands" if count == 1 else "rows stand"
    return [f"{count:,} {stand} in {files.name(test_file)} too: left out of training"]


def unlearned(parts: Splits[Labelled], names: tuple[str, str]) -> list[str]:
    """Sentences on the labels that the training part has not.

    Raises:
        DataError: the training part has one class.
    """
    known = Counter(example.label for example in parts.train)
    if len(known) == 1:
        raise DataError(
            f"{names[0]}: of its classes the training part has {quoted(next(iter(known)))} alone "
            f"({_rows(len(parts.train))}): set data.seed, or lower data.valid and data.test"
        )
    notes = []
    for part, rows, name in (
        ("validation", parts.valid, names[0]),
        ("test", parts.test, names[1]),
    ):
        found: dict[str, list[int]] = {}
        for index, example in enumerate(rows):
            if example.label not in known:
                found.setdefault(example.label, []).append(index)
        for label, indices in sorted(found.items())[:_NAMED]:
            notes.append(
                f"{name}:{_line(rows, indices[0])}: the label {quoted(label)} stands in no row to "
                f"learn from: {_rows(len(indices))} of the {part} part will count as wrong"
            )
        if more := sorted(found.items())[_NAMED:]:
            count = sum(len(indices) for _, indices in more)
            notes.append(
                f"{name}: so do {len(more):,} more labels of the {part} part, in {_rows(count)}"
            )
    return notes


def cut(parts: Splits[Labelled], names: tuple[str, str], config: LabelsConfig) -> list[str]:
    """A sentence on the texts of each part that are read up to ``config.max_length`` tokens (of
    pieces, words are counted)."""
    most, notes = config.max_length, []
    if most is None:
        return notes
    for part, rows, name in zip(
        ("training", "validation", "test"), parts.parts, (names[0], *names), strict=True
    ):
        long = [index for index, example in enumerate(rows) if _is_long(example.text, config, most)]
        if long:
            notes.append(
                f"{name}:{_line(rows, long[0])}: {_rows(len(long))} of the {part} part, this the "
                f"first, with more than {most:,} tokens: what is behind is not read "
                "(data.max_length)"
            )
    return notes


def quoted(label: str) -> str:
    return repr(label if len(label) <= 60 else label[:59] + "…")


def _is_long(text: str, config: LabelsConfig, most: int) -> bool:
    if len(text) <= most:  # a token has one character at least
        return False
    return config.units == "characters" or len(tokens.split(text)) > most


def _line(rows: Sequence[Labelled], index: int) -> int:
    assert isinstance(rows, Rows | Table)
    return rows.line_number(index)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
