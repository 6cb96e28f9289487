"""The data set ``dates``: dates as people write them, to be turned into ISO 8601."""

import re
from collections import defaultdict
from datetime import date
from functools import cache
from random import Random
from typing import Final

from regard.data.dates_cldr import forms, forms_by_month
from regard.data.dates_forms import plain, unpunctuated
from regard.data.dates_locales import LOCALES
from regard.data.pairs import Pair, Splits
from regard.data.typing_errors import misspell
from regard.errors import RangeError

__all__ = ["FIRST", "LAST", "LOCALES", "dates", "misspell", "year_span"]

FIRST: Final = date(1600, 1, 1)
LAST: Final = date(2199, 12, 31)

# How often people depart from the CLDR; each habit is drawn by itself.
REWORDED: Final = 0.3
"""Share of texts without the weekday, or with an article, where their form has such a wording."""
LOWER_CASE: Final = 0.25
"""Share of texts in lower case."""
UNPUNCTUATED: Final = 0.25
"""Share of texts without commas and dots."""
MISSPELLED: Final = 0.65
"""Share of training texts with one typing error; no other text has one."""

_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")


def dates(seed: int = 0, *, train: int = 40_000, valid: int = 1_000, test: int = 1_000) -> Splits:
    """Make pairs of a written date and its ISO 8601 form, no date twice.

    The days from 1600-01-01 to 2199-12-31 are put in an order that ``seed`` sets, and the parts
    take theirs from it: first test, then valid, then train. So the test part of a seed is the
    same for any size of the others. Each day is written in a form drawn from those of its month.

    Cost: about 1 second on one core for these sizes, half of it for Babel's data, read once.
    Raises RangeError for sizes below 0 or above the 219,146 days together, and MissingExtra where
    Babel is not installed.
    """
    total = train + valid + test
    days = list(range(FIRST.toordinal(), LAST.toordinal() + 1))
    if min(train, valid, test) < 0 or total > len(days):
        raise RangeError(
            f"train, valid and test must be 0 or more and together at most {len(days):,}, a date "
            f"for each pair: got train={train:,}, valid={valid:,}, test={test:,}"
        )
    # random takes texts as seeds by their SHA-512, which no run of Python changes
    Random(f"{seed} days").shuffle(days)
    return Splits(
        train=_write(days[test + valid : total], Random(f"{seed} train"), MISSPELLED),
        valid=_write(days[test : test + valid], Random(f"{seed} valid")),
        test=_write(days[:test], Random(f"{seed} test")),
    )


def year_span(text: str) -> tuple[int, int] | None:
    """Return start and stop of the year in ``text``: its first run of just four digits.

    Digits of every script count. None where there is no such run.
    """
    year = _YEAR.search(text)
    return year.span() if year else None


def _write(days: list[int], random: Random, misspelled: float = 0.0) -> list[Pair]:
    """Write each day, given by its ordinal, with people's habits."""
    pairs = []
    for day in map(date.fromordinal, days):
        form = random.choice(forms_by_month()[day.month - 1])
        own, *others = form.templates
        reworded = others and random.random() < REWORDED
        text = form.write(day, random.choice(others) if reworded else own)
        if random.random() < LOWER_CASE:
            text = text.lower()
        if random.random() < UNPUNCTUATED:
            text = unpunctuated(text)
        if random.random() < misspelled:
            text = _misspell(text, day.month, random)
        pairs.append(Pair(text, day.isoformat()))
    return pairs


def _misspell(text: str, month: int, random: Random) -> str:
    """Make a typing error by which ``text`` does not say another month, as июня does as июля."""
    while True:
        wrong = misspell(text, random)
        if month in _readings().get(_blank(wrong), {month}):
            return wrong


@cache
def _readings() -> dict[str, set[int]]:
    """Return the months that each right text may mean, all its numbers being blank."""
    readings: defaultdict[str, set[int]] = defaultdict(set)
    for form in forms():
        for template in form.templates:
            for day in range(1, 8 if "{E}" in template else 2):
                for month in range(1, 13):
                    text = form.write(date(2000, month, day), template)
                    readings[_blank(text)].add(month)
    return dict(readings)


def _blank(text: str) -> str:
    return re.sub(r"\d+", "0", plain(text))
