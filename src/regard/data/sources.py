"""Where data come from: a built-in set by its name, or a file of the user's."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from regard.data.dates import dates
from regard.data.pairs import Pair, Splits, read
from regard.data.vocabulary import Units
from regard.errors import DataError, RangeError


@dataclass(frozen=True)
class PairsConfig:
    """How pairs are split and cut into tokens.

    Attributes:
        units: what a token is: "characters", or "words" parted by white space.
        vocabulary: how many tokens of each side to know at most; null: all of the training part.
        valid: share of a file's sources kept for choosing among states of the model.
        test: share of a file's sources kept for the evaluation.
        limit: how many pairs to learn from at most; null: all (of dates: 140,000).
        seed: of the split, and of the built-in set.
    """

    units: Units = "characters"
    vocabulary: int | None = None
    valid: float = 0.1
    test: float = 0.1
    limit: int | None = None
    seed: int = 0


def _dates(config: PairsConfig) -> Splits:
    return dates(config.seed, train=140_000 if config.limit is None else config.limit)


BUILTIN: dict[str, Callable[[PairsConfig], Splits]] = {"dates": _dates}


def load(source: str, config: PairsConfig) -> Splits:
    """The pairs of a built-in set (``dates``) or of a file, split into three parts.

    No source text stands in two parts. The split of a file depends on ``config.seed`` and on the
    texts, not on their order.

    Raises:
        DataError: the file cannot be read, or has too few different sources to split.
        RangeError: shares that leave nothing to learn from.
        MissingExtra: a built-in set needs a package that is not installed.
    """
    for name, number in (("limit", config.limit), ("vocabulary", config.vocabulary)):
        if number is not None and number < 1:
            raise RangeError(f"data.{name} is at least 1, or null: {number}")
    if source in BUILTIN:
        return BUILTIN[source](config)
    if source != "-" and not Path(source).exists():
        raise DataError(
            f"{source}: no such file, and no built-in data are called so "
            f"(built in: {', '.join(BUILTIN)})"
        )
    parts = split(read(source), config.valid, config.test, config.seed)
    return parts._replace(train=parts.train[: config.limit])


def split(pairs: list[Pair], valid: float, test: float, seed: int) -> Splits:
    """Three parts by source text: ``valid`` and ``test`` are shares of the different sources."""
    if not (0 < valid < 1 and 0 < test < 1 and valid + test < 1):
        raise RangeError(
            "data.valid and data.test are shares above 0 and together below 1, "
            f"and they are {valid} and {test}"
        )
    by_source: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_source[pair.source].append(pair)
    if len(by_source) < 3:
        raise DataError(
            f"{len(by_source)} different source texts cannot be split into training, validation "
            "and test: at least 3 are needed"
        )
    order = sorted(by_source)
    Random(seed).shuffle(order)
    first = max(1, round(test * len(order)))
    second = min(first + max(1, round(valid * len(order))), len(order) - 1)
    cuts = order[second:], order[first:second], order[:first]
    return Splits(*([pair for source in part for pair in by_source[source]] for part in cuts))


def fingerprint(splits: Splits) -> str:
    """A text that tells whether two loads gave the same pairs: SHA-256 of all of them."""
    digest = hashlib.sha256()
    for part in splits:
        for pair in part:
            digest.update("\t".join(pair).encode("utf-8", "surrogatepass") + b"\n")
        digest.update(b"\f")
    return digest.hexdigest()
