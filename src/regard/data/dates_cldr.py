"""The forms of dates in the Unicode CLDR, as Babel holds them."""

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from regard.data.dates_forms import Form
from regard.data.dates_locales import ARTICLES, LOCALES, ZEROS
from regard.errors import MissingExtra

if TYPE_CHECKING:
    from babel import Locale

Length = Literal["full", "long", "medium"]
LENGTHS: Final[tuple[Length, ...]] = ("full", "long", "medium")

_NO_NAME = re.compile(r"M\d\d")
_SET_OFF = " ,،፣"
# Some patterns have a space at which no line may break: people type the plain one.
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


class _Part(NamedTuple):
    """Part of a CLDR pattern: a text as it stands, or a field y, M, d, E or G of some width."""

    text: str
    field: str = ""
    width: int = 0
    context: Literal["format", "stand-alone"] = "format"


@cache
def forms() -> tuple[Form, ...]:
    """Read every form of every locale that says which number is the month.

    Raises MissingExtra where Babel is not installed.
    """
    read = (_form(locale, length) for locale in LOCALES for length in LENGTHS)
    return tuple(form for form in read if form is not None)


@cache
def forms_by_month() -> tuple[tuple[Form, ...], ...]:
    """Return, for January to December, the forms in which the month's name means no other.

    Croatian listopada is October and Polish listopada November: nothing tells which is meant, so
    neither Croatian October nor Polish November is written in a form that has this name.
    """
    meanings: defaultdict[str, set[int]] = defaultdict(set)
    for form in forms():
        for month, word in form.month_words():
            meanings[word].add(month)
    kept: tuple[list[Form], ...] = tuple([] for _ in range(12))
    for form in forms():
        for month, word in form.month_words():
            if len(meanings[word]) == 1:
                kept[month - 1].append(form)
    return tuple(map(tuple, kept))


def _form(name: str, length: Length) -> Form | None:
    """Read a form; None where the year is short or nothing says which number is the month."""
    try:
        from babel import Locale
        from babel.dates import get_date_format, get_era_names
    except ImportError as error:
        raise MissingExtra("dates needs Babel: pip install 'regard[text]'") from error

    locale = Locale.parse(name)
    parts = _parts(get_date_format(length, locale).pattern)
    fields = {part.field: part for part in parts if part.field}
    zero = ord(ZEROS[locale.default_numbering_system])
    digits = {ord("0") + i: chr(zero + i) for i in range(10)}

    months = _months(locale, fields["M"], digits)
    numeric = not any(letter.isalpha() for month in months for letter in month)
    order = [field for field in fields if field in "yMd"]
    if fields["y"].width == 2 or (numeric and order != ["y", "M", "d"]):
        return None

    era = get_era_names("abbreviated", locale)[1]
    own, bare = _template(parts, era), _template(_without_weekday(parts), era)
    article = ARTICLES.get(name, "")
    with_article = bare if bare.startswith(article) else article + bare
    return Form(
        locale=name,
        length=length,
        templates=tuple(dict.fromkeys((own, bare, with_article))),
        months=months,
        days=tuple(str(i).zfill(fields["d"].width).translate(digits) for i in range(1, 32)),
        weekdays=_weekdays(locale, fields["E"]) if "E" in fields else ("",) * 7,
        digits=digits,
    )


def _parts(pattern: str) -> list[_Part]:
    from babel.dates import tokenize_pattern

    parts = []
    for _, value in tokenize_pattern(pattern):
        if isinstance(value, str):
            parts.append(_Part(value.translate(_SPACES)))
        else:
            letter, width = value
            alone = {"L": "M", "c": "E"}.get(letter)
            parts.append(_Part("", alone or letter, width, "stand-alone" if alone else "format"))
    return parts


def _without_weekday(parts: list[_Part]) -> list[_Part]:
    """Cut the weekday, the first or last field, with what sets it off, and any word behind it."""
    fields = [part.field for part in parts if part.field]
    if "E" not in fields:
        return parts
    weekday = next(i for i, part in enumerate(parts) if part.field == "E")
    if fields[0] == "E":
        head, *rest = parts[weekday + 1 :]
        return [head._replace(text=head.text.lstrip(_SET_OFF)), *rest]
    *rest, tail = parts[:weekday]
    return [*rest, tail._replace(text=tail.text.rstrip(_SET_OFF))]


def _template(parts: list[_Part], era: str) -> str:
    """Write a pattern as a template of ``str.format``."""
    fields = {"y": "{y}", "M": "{M}", "d": "{d}", "E": "{E}", "G": era}
    return "".join(
        fields[part.field] if part.field else part.text.replace("{", "{{").replace("}", "}}")
        for part in parts
    )


def _months(locale: "Locale", part: _Part, digits: dict[int, str]) -> tuple[str, ...]:
    from babel.dates import get_month_names

    if part.width <= 2:
        return tuple(str(i).zfill(part.width).translate(digits) for i in range(1, 13))
    width = "abbreviated" if part.width == 3 else "wide"
    names = get_month_names(width, part.context, locale)
    if _NO_NAME.fullmatch(names[1]):
        # The CLDR lets wide names stand in for short ones that it lacks. Babel forgets that and
        # says M01 once the process has used a locale without any names (its issue 1234), but
        # dates must not depend on what was done before.
        names = get_month_names("wide", part.context, locale)
    return tuple(names[i] for i in range(1, 13))


def _weekdays(locale: "Locale", part: _Part) -> tuple[str, ...]:
    from babel.dates import get_day_names

    names = get_day_names("abbreviated" if part.width <= 3 else "wide", part.context, locale)
    return tuple(names[i] for i in range(7))
