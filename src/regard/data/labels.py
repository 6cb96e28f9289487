"""Where labelled texts come from: a built-in set by its name, or a file of the user's."""

from collections.abc import Callable, Sequence
from typing import Final

from regard.data import files, labelled_files, labels_notes
from regard.data.labelled import Labelled, LabelsConfig, wording
from regard.data.labels_notes import LabelledRows
from regard.data.languages import languages
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
    kept, count as wrong, and ``notes`` says so. It tells too of texts longer than
    ``config.max_length``, and of a first row that may be a header.

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
    name = files.name(source)
    notes = labels_notes.check_classes(source, rows, config)
    if config.test_file is None:
        parts, names = _parts(name, rows, config), (name, name)
    else:
        tested = _rows(config.test_file, config)
        rest = without(rows, wording, [tested])
        names = name, files.name(config.test_file)
        if not len(rest):
            raise DataError(f"{name}: every row stands in {names[1]} too: nothing to learn from")
        parts = _parts(name, rest, config)._replace(test=tested)
        notes += labels_notes.left_out(len(rows) - len(rest), config.test_file)
    parts = parts._replace(train=limited(parts.train, wording, config.limit, config.seed))
    notes += labels_notes.unlearned(parts, names)
    return parts._replace(notes=(*notes, *labels_notes.cut(parts, names, config)))


def _parts(name: str, rows: Sequence[Labelled], config: LabelsConfig) -> Splits[Labelled]:
    """Three parts of the rows of a file; with a test file, its test part is empty."""
    test = config.test if config.test_file is None else None
    try:
        return split(rows, wording, config.valid, test, config.seed)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


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


def _rows(source: str, config: LabelsConfig) -> LabelledRows:
    if not files.exists(source):
        raise DataError(
            f"{source}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    return labelled_files.read(source, config)
