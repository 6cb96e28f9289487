"""Where pairs come from: a built-in set by its name, or files of the user's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import numpy as np

from regard.data.dates import dates
from regard.data.files import exists
from regard.data.pairs import Pair, columns_of, read, read_parallel
from regard.data.splits import Splits, fingerprint, limited, split, take, without
from regard.data.tatoeba import SHARE, eng_fra
from regard.data.vocabulary import split as tokens
from regard.errors import DataError, RangeError

__all__ = ["BUILTIN", "PairsConfig", "fingerprint", "load", "split", "units_of"]

Units = Literal["characters", "words", "pieces"]


@dataclass(frozen=True)
class PairsConfig:
    """How pairs are split and cut into tokens.

    Attributes:
        units: what a token is: "characters", "words" (and what stands between them), or "pieces" of
            words that sentencepiece learns; null: characters of dates, words of all else.
        vocabulary: how many tokens of each side to know at most; null: all of the training part.
        columns: which two columns of a file are source and target, such as "1,2", where it has more
            than two; null: it has two.
        valid: share of the sources kept for choosing among states of the model; null: 0.1 of a
            file's, 0.01 of eng-fra's.
        test: share of the sources kept for the evaluation; null: as valid.
        valid_file: a file of pairs to choose by, in the place of a share; of two parallel files,
            both names with a comma between.
        test_file: a file of pairs for the evaluation, in the place of a share; as valid_file.
        max_length: tokens of a source or a target at most; longer pairs are left out of what is
            learned from and chosen by; the test part is left without texts of more than 100,000
            characters alone (of pieces, words are counted).
        limit: how many pairs to learn from at most; null: all (of dates: 140,000).
        reverse: whether to translate the other way.
        seed: of the split, and of the built-in set.
    """

    units: Units | None = None
    vocabulary: int | None = None
    columns: str | None = None
    valid: float | None = None
    test: float | None = None
    valid_file: str | None = None
    test_file: str | None = None
    max_length: int | None = 1000
    limit: int | None = None
    reverse: bool = False
    seed: int = 0


def _dates(config: PairsConfig) -> Splits[Pair]:
    if config.valid is not None or config.test is not None:
        raise RangeError("dates are made, 1,000 to choose by and 1,000 to test: no data.valid/test")
    made = dates(config.seed, train=140_000 if config.limit is None else config.limit)
    if config.reverse:
        train, valid, test = (
            [Pair(target, source) for source, target in part] for part in made.parts
        )
        return Splits(train, valid, test)
    return made


def _eng_fra(config: PairsConfig) -> Splits[Pair]:
    shares = (SHARE if share is None else share for share in (config.valid, config.test))
    return eng_fra(config.seed, *shares, reverse=config.reverse)


BUILTIN: dict[str, Callable[[PairsConfig], Splits[Pair]]] = {"dates": _dates, "eng-fra": _eng_fra}

SHARE_OF_A_FILE = 0.1

LONGEST = 100_000
"""Characters of a text of the test part at most: a longer one is a damaged row, which would take
hours and tens of gigabytes to answer."""

_source = attrgetter("source")


def load(sources: str | Sequence[str], config: PairsConfig) -> Splits[Pair]:
    """The pairs of a built-in set (``dates``, ``eng-fra``) or of files, split into three parts.

    Files are one of two tab-separated columns, or two parallel ones: sources and targets. They stay
    on disk. No source text stands in two parts. The split of a file depends on ``config.seed`` and
    on the texts, not on their order.

    Raises:
        DataError: a file cannot be read, or has too few different sources to split.
        RangeError: options out of range or of other data, or shares that leave nothing to learn
            from.
        MissingExtra: a built-in set needs a package that is not installed.
    """
    names = [sources] if isinstance(sources, str) else list(sources)
    _check(names, config)
    if len(names) == 1 and names[0] in BUILTIN:
        parts = BUILTIN[names[0]](config)
    else:
        parts = _of_files(names, config)
    parts = _shortened(parts, units_of(names, config), config.max_length)
    return parts._replace(train=limited(parts.train, _source, config.limit, config.seed))


def units_of(sources: str | Sequence[str], config: PairsConfig) -> Units:
    """What a token is, where the user may have left it to the data."""
    names = [sources] if isinstance(sources, str) else list(sources)
    return config.units or ("characters" if names == ["dates"] else "words")


def _check(names: list[str], config: PairsConfig) -> None:
    for name in ("limit", "vocabulary", "max_length"):
        number = getattr(config, name)
        if number is not None and number < 1:
            raise RangeError(f"data.{name} is at least 1, or null: {number}")
    if config.columns is not None:
        columns_of(config.columns)
    if not 1 <= len(names) <= 2:
        raise DataError(
            f"expected a built-in set, a file of pairs, or a file of sources and one of targets: "
            f"got {len(names)} names"
        )
    for name in ("columns", "valid_file", "test_file"):
        if names[0] in BUILTIN and len(names) == 1 and getattr(config, name) is not None:
            raise RangeError(f"data.{name} is for files, and {names[0]} is a built-in set")
    if len(names) == 2 and config.columns is not None:
        raise RangeError("data.columns is for one file of columns, and these are two files")
    for part in ("valid", "test"):
        if None not in (getattr(config, part), getattr(config, f"{part}_file")):
            raise RangeError(
                f"data.{part} is a share of the file, and data.{part}_file names another"
            )


def _of_files(names: list[str], config: PairsConfig) -> Splits[Pair]:
    if len(names) == 1 and not exists(names[0]):
        raise DataError(
            f"{names[0]}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    others = [
        None if name is None else _read(_two(name), config)
        for name in (config.valid_file, config.test_file)
    ]
    share_of_valid, share_of_test = (
        None if other is not None else SHARE_OF_A_FILE if share is None else share
        for other, share in zip(others, (config.valid, config.test), strict=True)
    )
    pairs = _read(names, config)
    train, valid, test = split(pairs, _source, share_of_valid, share_of_test, config.seed).parts
    notes: list[str] = []
    if others[0] is not None or others[1] is not None:
        test = test if others[1] is None else others[1]
        valid = valid if others[0] is None else others[0]
        kept = without(valid, _source, [test])
        valid = _noted(valid, kept, "validation", "their sources are in the test part", notes)
        kept = without(train, _source, [valid, test])
        train = _noted(train, kept, "training", "their sources are held out", notes)
    return Splits(train, valid, test, notes=tuple(notes))


def _two(name: str) -> list[str]:
    """A file's name, or the two names with a comma between."""
    return name.split(",") if "," in name and not exists(name) else [name]


def _read(names: list[str], config: PairsConfig) -> Sequence[Pair]:
    if len(names) == 1:
        return read(names[0], config.columns, reverse=config.reverse)
    if len(names) == 2:
        return read_parallel(names[0], names[1], reverse=config.reverse)
    raise DataError(f"expected a file, or two with a comma between, not {','.join(names)}")


def _shortened(parts: Splits[Pair], units: Units, most: int | None) -> Splits[Pair]:
    """The parts without what is too long to learn from and to choose by, or to be answered."""
    notes, why = list(parts.notes), f"they have more than {LONGEST:,} characters"
    test = _noted(parts.test, _short(parts.test, "characters", LONGEST), "test", why, notes)
    parts = parts._replace(test=test, notes=tuple(notes))
    if most is None:
        return parts
    why = f"they have more than {most:,} tokens"
    train = _noted(parts.train, _short(parts.train, units, most), "training", why, notes)
    valid = _noted(parts.valid, _short(parts.valid, units, most), "validation", why, notes)
    return parts._replace(train=train, valid=valid, notes=tuple(notes))


def _short(pairs: Sequence[Pair], units: Units, most: int) -> Sequence[Pair]:
    def fits(text: str) -> bool:
        if len(text) <= most:  # a token has one character at least
            return True
        return units != "characters" and len(tokens(text, "words")) <= most

    short = np.fromiter((all(map(fits, pair)) for pair in pairs), np.bool_, len(pairs))
    return pairs if short.all() else take(pairs, np.flatnonzero(short))


def _noted(
    before: Sequence[Pair], after: Sequence[Pair], part: str, why: str, notes: list[str]
) -> Sequence[Pair]:
    """What is left of a part, noted where it is less than before."""
    if len(after) < len(before):
        out = f"{len(before) - len(after):,} of {len(before):,} pairs: {why}"
        if not after:
            raise DataError(f"nothing is left of the {part} part, which loses {out}")
        notes.append(f"left out of the {part} part, {out}")
    return after
