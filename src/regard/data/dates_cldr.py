"""The forms of dates in the Unicode CLDR, as Babel holds them."""

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final

from regard.data.dates_forms import Form
from regard.data.dates_locales import ARTICLES, LOCALES, ZEROS
from regard.errors import MissingExtra

if TYPE_CHECKING:
    from babel import Locale

    # as babel.dates.tokenize_pattern gives them: ("chars", text) or ("field", (letter, count))
    Token = tuple[str, str | tuple[str, int]]

LENGTHS: Final = ("full", "long", "medium")

_NO_NAME = re.compile(r"M\d\d")
_SET_OFF = " ,،፣"
# the letters of a CLDR pattern for a month or weekday that stands alone
_ALIKE = {"L": "M", "c": "E"}
# Some patterns have a space at which no line may break: people type the plain one.
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


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


def _form(name: str, length: str) -> Form | None:
    """Read a form; None where the year is short or nothing says which number is the month."""
    try:
        from babel import Locale
        from babel.dates import get_date_format, get_era_names, tokenize_pattern
    except ImportError as error:
        raise MissingExtra("dates needs Babel: pip install 'regard[text]'") from error

    locale = Locale.parse(name)
    tokens = tokenize_pattern(get_date_format(length, locale).pattern)
    fields = {_ALIKE.get(value[0], value[0]): value for kind, value in tokens if kind == "field"}
    zero = ord(ZEROS[locale.default_numbering_system])
    digits = {ord("0") + i: chr(zero + i) for i in range(10)}

    months = _months(locale, *fields["M"], digits)
    numeric = not any(letter.isalpha() for month in months for letter in month)
    order = [letter for letter in fields if letter in "yMd"]
    if fields["y"][1] == 2 or (numeric and order != ["y", "M", "d"]):
        return None

    era = get_era_names("abbreviated", locale)[1]
    templates = [_template(tokens, era), _template(_without_weekday(tokens), era)]
    article = ARTICLES.get(name, "")
    if not templates[1].startswith(article):
        templates.append(article + templates[1])
    return Form(
        locale=name,
        length=length,
        templates=tuple(dict.fromkeys(templates)),
        months=months,
        days=tuple(str(i).zfill(fields["d"][1]).translate(digits) for i in range(1, 32)),
        weekdays=_weekdays(locale, *fields["E"]) if "E" in fields else ("",) * 7,
        digits=digits,
    )


def _template(tokens: "list[Token]", era: str) -> str:
    """Write a CLDR pattern as a template of ``str.format``."""
    values = {"y": "{y}", "M": "{M}", "d": "{d}", "E": "{E}", "G": era}
    return "".join(
        value.translate(_SPACES).replace("{", "{{").replace("}", "}}")
        if kind == "chars"
        else values[_ALIKE.get(value[0], value[0])]
        for kind, value in tokens
    )


def _without_weekday(tokens: "list[Token]") -> "list[Token]":
    """Cut the weekday, which comes first or last, with what sets it off and what follows it."""
    fields = [i for i, (kind, _) in enumerate(tokens) if kind == "field"]
    weekday = next((i for i in fields if tokens[i][1][0] in "Ec"), None)
    if weekday is None:
        return tokens
    rest = tokens[:weekday] if weekday == fields[-1] else tokens[weekday + 1 :]
    edge = -1 if weekday == fields[-1] else 0
    kind, literal = rest[edge]
    if kind == "chars":
        rest[edge] = ("chars", literal.rstrip(_SET_OFF) if edge else literal.lstrip(_SET_OFF))
    return rest


def _months(locale: "Locale", letter: str, width: int, digits: dict[int, str]) -> tuple[str, ...]:
    from babel.dates import get_month_names

    if width <= 2:
        return tuple(str(i).zfill(width).translate(digits) for i in range(1, 13))
    context = "stand-alone" if letter == "L" else "format"
    names = get_month_names("abbreviated" if width == 3 else "wide", context, locale)
    if _NO_NAME.fullmatch(names[1]):
        # The CLDR lets wide names stand in for short ones that it lacks. Babel forgets that (it
        # says M01) once the process has used a locale without any names: dates must not depend
        # on what was done before.
        names = get_month_names("wide", context, locale)
    return tuple(names[i] for i in range(1, 13))


def _weekdays(locale: "Locale", letter: str, width: int) -> tuple[str, ...]:
    from babel.dates import get_day_names

    context = "stand-alone" if letter == "c" else "format"
    names = get_day_names("abbreviated" if width <= 3 else "wide", context, locale)
    return tuple(names[i] for i in range(7))
