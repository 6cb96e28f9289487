"""The data set ``languages``: names of the world, and which language each is written in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from regard.data.labelled import Labelled, LabelsConfig
from regard.data.languages_names import LANGUAGES
from regard.data.splits import Splits, limited, split
from regard.errors import MissingExtra

__all__ = ["LANGUAGES", "Name", "languages", "names"]

_OF_MANY_COUNTRIES: Final = "X"
"""With this letter begin the currencies that are of no one country: gold, the CFA franc."""


class Name(NamedTuple):
    """A name, its language, and what it names.

    Attributes:
        concept: "territory FR" (the country and its currencies) or "language fr".
    """

    text: str
    label: str
    concept: str


def languages(config: LabelsConfig) -> Splits[Labelled]:
    """Names of countries, languages and currencies in 40 languages, each with its language.

    The parts are split by what is named: where the test part has Germany or one of its
    currencies, no other part has, in any language; so a test name is no cousin of a training
    name (``Allemagne``, ``Alemania``). The shares are of what is named. Of ``config``, the shares,
    ``limit`` and ``seed`` decide.

    Raises:
        RangeError: shares that leave nothing to learn from.
        MissingExtra: Babel is not installed.

    Source: the Unicode CLDR, as Babel holds it.

    Cost: about 1 second; nothing is downloaded.
    """
    parts = split(names(), lambda name: name.concept, config.valid, config.test, config.seed)
    train = limited(parts.train, lambda name: name.text, config.limit, config.seed)
    return Splits(_labelled(train), _labelled(parts.valid), _labelled(parts.test))


def _labelled(names: Sequence[Name]) -> list[Labelled]:
    return [Labelled(name.text, name.label) for name in names]


@cache
def names() -> tuple[Name, ...]:
    """Every name that one of the 40 languages has alone.

    Names are the same where their letters are, capital or small. A name of several languages
    (``Angola``) is in none of them, as nothing tells which is meant. One that a language gives to
    several things stands once, for the first of them: territory, language, currency.

    Raises:
        MissingExtra: Babel is not installed.
    """
    found: defaultdict[str, dict[str, Name]] = defaultdict(dict)
    for locale, label in LANGUAGES.items():
        for concept, text in _named_in(locale):
            plain = " ".join(text.split())  # no-break spaces, too
            found[plain.casefold()].setdefault(label, Name(plain, label, concept))
    return tuple(name for by in found.values() if len(by) == 1 for name in by.values())


def _named_in(locale: str) -> Iterator[tuple[str, str]]:
    """Concept and text of every name in a locale."""
    try:
        from babel import Locale
    except ImportError as error:
        raise MissingExtra("languages needs Babel: pip install 'regard[text]'") from error
    parsed = Locale.parse(locale)
    for code, text in sorted(parsed.territories.items()):
        yield f"territory {code}", text
    for code, text in sorted(parsed.languages.items()):
        yield f"language {code.split('_')[0]}", text
    for code, text in sorted(parsed.currencies.items()):
        country = code if code.startswith(_OF_MANY_COUNTRIES) else code[:2]
        yield f"territory {country}", text
