"""Where questions come from: a built-in set by its name, or a file of the user's."""

from collections.abc import Callable, Sequence
from typing import Final

from regard.data import files, questions_read
from regard.data.questions import Question, QuestionsConfig
from regard.data.questions_read import QuestionRows
from regard.data.splits import Splits, limited, split
from regard.data.squad import squad
from regard.data.world import world
from regard.errors import DataError

BUILTIN: Final[dict[str, Callable[[QuestionsConfig], Splits[Question]]]] = {
    "world": world,
    "squad": squad,
}

PRESETS: Final[dict[str, dict[str, object]]] = {"world": {"min_count": 50}, "squad": {}}
"""What suits a built-in set, unless the user says otherwise. A made name of ``world`` stands in one
story or in a few: with these it is unknown, as those of the test part are."""

FOREIGN: Final[dict[str, tuple[str, ...]]] = {
    "world": ("limit", "valid", "test", "valid_file", "test_file"),
    "squad": ("train", "valid", "test", "valid_file", "test_file"),
}
"""Options that say nothing of a built-in set."""

SHARE: Final = 0.1
"""Of the articles or passages of a file, for each of the parts that nothing is learned from."""


def load(sources: Sequence[str], config: QuestionsConfig) -> Splits[Question]:
    """The questions of a built-in set or of a file, split into three parts.

    Questions of one article are never in two parts; of a file with fewer than three articles, or
    without any, those about one passage. The split hangs on ``config.seed`` and on the articles or
    passages, not on their order. All of ``config.valid_file`` is the validation part, and all of
    ``config.test_file`` the test part; passages that stand in these are left out of the others.

    Raises:
        DataError: a file cannot be read, or has too little to split, or an option is of other data.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: a package that is needed is not installed.

    Cost: as ``questions_read.read``, or of the built-in set.
    """
    source = _one(sources)
    if source in BUILTIN:
        _check_builtin(source, config)
        return BUILTIN[source](config)
    if config.train is not None:
        raise DataError("data.train is a number of stories of world: of a file, set data.limit")
    name, rows = files.name(source), _rows(source, config)
    tested = None if config.test_file is None else _rows(config.test_file, config)
    chosen = None if config.valid_file is None else _rows(config.valid_file, config)
    read = [part for part in (rows, chosen, tested) if part is not None]
    notes = [note for part in read for note in part.notes]
    if chosen is not None and tested is not None:
        chosen = _without(chosen, tested, (config.valid_file, config.test_file), notes)
    for part, file in ((chosen, config.valid_file), (tested, config.test_file)):
        if part is not None:
            rows = _without(rows, part, (source, file), notes)
    valid, test = (
        None if part is not None else SHARE if share is None else share
        for part, share in ((chosen, config.valid), (tested, config.test))
    )
    keys = rows.keys()
    try:
        parts = split(range(len(rows)), keys.__getitem__, valid, test, config.seed)
    except DataError as error:
        raise DataError(f"{name}: {str(error).replace('source texts', 'passages')}") from None
    train = limited(parts.train, lambda row: _text(rows[row]), config.limit, config.seed)
    return Splits(
        rows.take(train),
        rows.take(parts.valid) if chosen is None else chosen,
        rows.take(parts.test) if tested is None else tested,
        notes=tuple(notes),
        left_out=tuple(line for part in read for line in part.left_out),
    )


def read(sources: Sequence[str], config: QuestionsConfig) -> QuestionRows:
    """All questions of a file, to be evaluated on.

    Raises:
        DataError: the file cannot be read, or the data are built in.
    """
    source = _one(sources)
    if source in BUILTIN and not files.exists(source):
        raise DataError(f"{source} is built in: it is judged on its own test part (name a file)")
    return _rows(source, config)


def _text(question: Question) -> str:
    return f"{question.passage}\t{question.question}"


def _without(
    rows: QuestionRows, others: QuestionRows, names: tuple[str | None, str | None], notes: list[str]
) -> QuestionRows:
    """The rows whose passages do not stand in the others; a note says how many do."""
    passages = {one.passage for one in others}
    kept = [place for place, one in enumerate(rows) if one.passage not in passages]
    name, other = (files.name(str(path)) for path in names)
    if not kept:
        raise DataError(f"{name}: all of its passages stand in {other} too: nothing is left")
    if len(kept) < len(rows):
        notes.append(
            f"{name}: questions left out, for their passages stand in {other} too: "
            f"{len(rows) - len(kept):,}"
        )
    return rows.take(kept)


def _one(sources: Sequence[str]) -> str:
    if len(sources) != 1:
        raise DataError(
            f"expected one file of questions or one of {', '.join(BUILTIN)}, and {len(sources)} "
            "are named (data.test_file names a separate test set)"
        )
    return sources[0]


def _check_builtin(source: str, config: QuestionsConfig) -> None:
    for name in FOREIGN[source]:
        if getattr(config, name) is not None:
            raise DataError(f"data.{name} says nothing of {source}, which is built in")
    if source == "world" and config.on_error != "stop":
        raise DataError(f"data.on_error is for files, and {source} has no errors")


def _rows(source: str, config: QuestionsConfig) -> QuestionRows:
    if not files.exists(source):
        raise DataError(
            f"{source}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    return questions_read.read(source, config)
