"""Where labelled texts come from: a built-in set by its name, or a file of the user's."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from regard.data import files, labelled_files
from regard.data.labelled import Labelled, LabelsConfig, wording
from regard.data.labelled_csv import Table
from regard.data.languages import languages
from regard.data.rows import Rows
from regard.data.sentiment import sentiment
from regard.data.splits import Splits, limited, split, without
from regard.errors import DataError

BUILTIN: Final[dict[str, Callable[[LabelsConfig], Splits[Labelled]]]] = {
    "languages": languages,
    "sentiment": sentiment,
}

PRESETS: Final[dict[str, dict[str, object]]] = {
    "languages": {"units": "characters"},
    "sentiment": {"units": "words", "lower_case": True, "test": 0.2},
}
"""What suits a built-in set, unless the user says otherwise."""


def load(sources: Sequence[str], config: LabelsConfig) -> Splits[Labelled]:
    """The labelled texts of a built-in set or of a file, split into three parts.

    Texts of the same words (``labelled.wording``) are never in two parts. The split depends on
    ``config.seed`` and on the texts, not on their order. With ``config.test_file`` all of that file
    is the test part, and what stands in it too is left out of the others.

    A label that stands in the validation or test part alone cannot be learned: its texts are
    kept, count as wrong, and ``notes`` says so.

    Raises:
        DataError: the file cannot be read, has one class, or has too few different texts to split.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: a built-in set needs a package that is not installed.

    Cost: three or four readings of the file; memory as ``labelled_files.read``.
    """
    source = _one(sources)
    if source in BUILTIN:
        if config.test_file is not None:
            raise DataError(f"data.test_file is for files, and {source} is built in")
        return BUILTIN[source](config)
    rows = _rows(source, config)
    _check_classes(files.name(source), rows)
    if config.test_file is None:
        parts = split(rows, wording, config.valid, config.test, config.seed)
        names = files.name(source), files.name(source)
        notes = []
    else:
        tested = _rows(config.test_file, config)
        rest = without(rows, wording, [tested])
        parts = split(rest, wording, config.valid, None, config.seed)._replace(test=tested)
        names = files.name(source), files.name(config.test_file)
        notes = _left_out(len(rows) - len(rest), config.test_file)
    parts = parts._replace(train=limited(parts.train, wording, config.limit, config.seed))
    return parts._replace(notes=(*notes, *_unlearned(parts, names)))


def read(sources: Sequence[str], config: LabelsConfig) -> Sequence[Labelled]:
    """All labelled texts of a file or of standard input, to be evaluated on.

    Raises:
        DataError: the file cannot be read.
    """
    return _rows(_one(sources), config)


def _one(sources: Sequence[str]) -> str:
    if len(sources) != 1:
        raise DataError(
            f"expected one file of labelled texts or one of {', '.join(BUILTIN)}, and "
            f"{len(sources)} are named (data.test_file names a separate test set)"
        )
    return sources[0]


def _rows(source: str, config: LabelsConfig) -> Rows[Labelled] | Table:
    if not files.exists(source):
        raise DataError(
            f"{source}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    return labelled_files.read(source, config)


def _check_classes(name: str, rows: Sequence[Labelled]) -> None:
    counts = Counter(example.label for example in rows)
    if len(counts) == 1:
        label, count = counts.most_common()[0]
        raise DataError(
            f"{name}: a file with one class: {_quoted(label)} ({count:,} "
            f"row{'s' * (count != 1)}): nothing to tell apart"
        )


def _left_out(count: int, test_file: str) -> list[str]:
    if not count:
        return []
    stand = "row stands" if count == 1 else "rows stand"
    return [f"{count:,} {stand} in {files.name(test_file)} too: left out of training"]


def _unlearned(parts: Splits[Labelled], names: tuple[str, str]) -> list[str]:
    """A sentence for every label that the training part has not.

    Raises:
        DataError: the training part has one class.
    """
    known = Counter(example.label for example in parts.train)
    if len(known) == 1:
        raise DataError(
            f"{names[0]}: of its classes the training part has {_quoted(next(iter(known)))} alone "
            f"({len(parts.train):,} rows): set data.seed, or lower data.valid and data.test"
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
        for label, indices in sorted(found.items()):
            line = _line(rows, indices[0])
            count = len(indices)
            notes.append(
                f"{name}:{line}: the label {_quoted(label)} stands in no row to learn from: "
                f"{count:,} row{'s' * (count != 1)} of the {part} part will count as wrong"
            )
    return notes


def _line(rows: Sequence[Labelled], index: int) -> int:
    assert isinstance(rows, Rows | Table)
    return rows.line_number(index)


def _quoted(label: str) -> str:
    return repr(label if len(label) <= 60 else label[:59] + "…")
