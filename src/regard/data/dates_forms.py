"""How a date is written: templates with a year, a month, a day and perhaps a weekday."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

# A sign between two digits stays: without it two numbers would become one.
_PUNCTUATION = re.compile(r"(?<!\d)[.,،፣⹁]|[.,،፣⹁](?!\d)")
_MONTH_WORD = re.compile(r"[^\W\d_]*\{M\}[^\W\d_]*")


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing dates: of a locale, in a length.

    ``templates`` has the CLDR's own template first, then what people make of it: without the
    weekday, with an article. A template names the year ``{y}``, month ``{M}``, day ``{d}`` and
    weekday ``{E}``; the other fields are the texts that may stand there, January, the first and
    Monday coming first.
    """

    locale: str
    length: str
    templates: tuple[str, ...]
    months: tuple[str, ...]
    days: tuple[str, ...]
    weekdays: tuple[str, ...]
    digits: dict[int, str]

    def write(self, day: date, template: str | None = None) -> str:
        """Write ``day`` after ``template``, which is the CLDR's own where none is given."""
        return (template or self.templates[0]).format(
            y=str(day.year).translate(self.digits),
            M=self.months[day.month - 1],
            d=self.days[day.day - 1],
            E=self.weekdays[day.weekday()],
        )

    def month_words(self) -> Iterator[tuple[int, str]]:
        """Each month, 1 to 12, with its plain name and the letters set fast to it."""
        around = _MONTH_WORD.search(self.templates[0])
        assert around is not None
        for month, name in enumerate(self.months, 1):
            yield month, plain(around[0].format(M=name))


def unpunctuated(text: str) -> str:
    """Leave out the commas and dots of ``text``."""
    return _PUNCTUATION.sub("", text)


def plain(text: str) -> str:
    """Return what all habits of writing leave of ``text``: no capitals, commas or dots."""
    return unpunctuated(text).casefold()
