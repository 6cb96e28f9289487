"""Where running text comes from: a built-in set by its name, or files of the user's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from regard.data.prose import prose
from regard.data.running_text import Passage, read
from regard.data.splits import Splits
from regard.data.wikitext import wikitext2
from regard.errors import DataError, KindError, RangeError

__all__ = ["BUILTIN", "RunningConfig", "load", "read"]

Units = Literal["words", "spaced"]

SHARE = 0.1
"""Of a file's lines, those to choose by, and those to be judged on."""


@dataclass(frozen=True)
class RunningConfig:
    """How running text is split and cut into words.

    Attributes:
        units: what a word is: "words" and signs of punctuation, or "spaced", what stands between
            white space, of texts that are cut into words already.
        vocabulary: how many words to know at most; null: all of the training part.
        min_count: how often a word must stand in the training part to be known. The others are the
            unknown word there, from which its meaning is learned.
        stretch: words of every stream in a step; through so many a gradient goes back.
        valid: share of a file's lines kept for choosing among states of the model, before those of
            the test part; null: 0.1.
        test: share of a file's lines kept for the evaluation, the last ones; null: 0.1.
        valid_file: a file to choose by, in the place of a share.
        test_file: a file for the evaluation, in the place of a share.
        seed: of prose, which topics are held out.

    Raises:
        RangeError: a number outside its range, or a share beside a file.
    """

    units: Units = "words"
    vocabulary: int | None = None
    min_count: int = 2
    stretch: int = 35
    valid: float | None = None
    test: float | None = None
    valid_file: str | None = None
    test_file: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("vocabulary", "min_count", "stretch"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"data.{name} is at least 1: {number}")
        for name in ("valid", "test"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise RangeError(f"data.{name} is a share above 0 and below 1: {share}")
            if share is not None and getattr(self, f"{name}_file") is not None:
                raise RangeError(
                    f"data.{name} is a share of the file, and data.{name}_file names another"
                )


BUILTIN: dict[str, Callable[[RunningConfig], Splits[Passage]]] = {
    "prose": lambda config: prose(config.seed),
    "wikitext2": lambda _: wikitext2(),
}

OF_FILES = ("valid", "test", "valid_file", "test_file")


def load(sources: Sequence[str], config: RunningConfig) -> Splits[Passage]:
    """The text of a built-in set or of files, in three parts.

    Several files are read one after another. Their parts are contiguous, so that none tells the
    middle of what another tells: the first lines are learned from, the last ones are the test part,
    and those before it the validation part.

    Raises:
        DataError: a file cannot be read, has no words, or too few lines to split.
        RangeError: shares that leave nothing to learn from.
        KindError: an option that these data do not have.
    """
    built_in = [name for name in sources if name in BUILTIN]
    if not built_in:
        if config.seed:
            raise KindError("data.seed is of prose: a file is split by its lines' order")
        return _of_files(sources, config)
    if len(sources) > 1:
        raise DataError(f"{built_in[0]} is a built-in set, and goes with no other data")
    for name in OF_FILES:
        if getattr(config, name) is not None:
            raise KindError(f"data.{name} is for files, and {sources[0]} is a built-in set")
    if config.seed and sources[0] != "prose":
        raise KindError(f"data.seed is of prose: {sources[0]} has parts of its own")
    return BUILTIN[sources[0]](config)


def _of_files(sources: Sequence[str], config: RunningConfig) -> Splits[Passage]:
    try:
        rows = read(sources)
    except DataError as error:
        if "no such file" in str(error):
            names = ", ".join(BUILTIN)
            raise DataError(f"{error}, and no built-in data are called so ({names})") from None
        raise
    valid = None if config.valid_file is None else read([config.valid_file])
    test = None if config.test_file is None else read([config.test_file])
    shares = (
        (config.valid or SHARE) if valid is None else 0.0,
        (config.test or SHARE) if test is None else 0.0,
    )
    if sum(shares) >= 1:
        raise RangeError(f"data.valid and data.test are together below 1: {shares}")
    train, second, third = _cut(rows, *shares)
    return Splits(train, second if valid is None else valid, third if test is None else test)


def _cut(rows: list[Passage], valid: float, test: float) -> list[list[Passage]]:
    """Contiguous parts by lines; those that have a share have one passage at least.

    Raises:
        DataError: too few passages.
    """
    needed = 1 + bool(valid) + bool(test)
    if len(rows) < needed:
        raise DataError(
            f"{len(rows)} lines with words cannot be split into {needed} parts (data.valid_file "
            "and data.test_file name others)"
        )
    total, done, bounds = sum(len(row.lines) for row in rows), 0, [0, 0]
    for number, row in enumerate(rows):
        for part, share in enumerate((1 - valid - test, 1 - test)):
            if done < round(share * total):
                bounds[part] = number + 1
        done += len(row.lines)
    last = min(bounds[1], len(rows) - bool(test))
    first = min(bounds[0], last - bool(valid))
    first = max(first, 1)
    last = max(last, first + bool(valid))
    return [rows[:first], rows[first:last], rows[last:]]
