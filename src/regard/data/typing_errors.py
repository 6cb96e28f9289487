"""Typing errors: a text in which one letter went wrong."""

import unicodedata
from collections.abc import Iterable
from random import Random
from typing import Final

NEIGHBOURS: Final = {
    **{"q": "wa", "w": "qeas", "e": "wrsd", "r": "etdf", "t": "ryfg"},
    **{"y": "tugh", "u": "yihj", "i": "uojk", "o": "ipkl", "p": "ol"},
    **{"a": "qwsz", "s": "weadzx", "d": "ersfxc", "f": "rtdgcv", "g": "tyfhvb"},
    **{"h": "yugjbn", "j": "uihknm", "k": "iojlm", "l": "opk"},
    **{"z": "asx", "x": "sdzc", "c": "dfxv", "v": "fgcb"},
    **{"b": "ghvn", "n": "hjbm", "m": "jkn"},
}
"""The letters next to each letter on a QWERTY keyboard."""


def misspell(text: str, random: Random) -> str:
    """Make one typing error in one letter of ``text``.

    The letter becomes another, comes twice, is left out, or changes places with the letter after
    it. Another letter is a neighbour on the keyboard where the letter is one of A to Z (with or
    without accents), else one of the same script from the text, or near it in Unicode where the
    text has none. Digits stay as they are. Never left out are a letter between two digits, for
    one number would be made of two, and the only letter, for nothing could be read any more. A
    text without letters is returned unchanged; every other text is changed.
    """
    places = [place for place, letter in enumerate(text) if letter.isalpha()]
    if not places:
        return text
    place = random.choice(places)
    before, letter, after = text[:place], text[place], text[place + 1 :]

    kinds = [before + letter * 2 + after]
    if others := _others(letter, text):
        kinds.append(before + random.choice(others) + after)
    if len(places) > 1 and not (before[-1:].isdecimal() and after[:1].isdecimal()):
        kinds.append(before + after)
    if after[:1].isalpha() and after[0] != letter:
        kinds.append(before + after[0] + letter + after[1:])
    return random.choice(kinds)


def _others(letter: str, text: str) -> list[str]:
    """List the letters that may be typed for ``letter``."""
    key = unicodedata.normalize("NFD", letter)[0].lower()
    around = map(chr, range(max(0, ord(letter) - 4), ord(letter) + 5))
    return (
        _unlike(letter, NEIGHBOURS.get(key, ""))
        or _unlike(letter, (other for other in text if _script(other) == _script(letter)))
        or _unlike(letter, (other for other in around if _script(other) == _script(letter)))
    )


def _unlike(letter: str, others: Iterable[str]) -> list[str]:
    """List the letters among ``others``, in the case of ``letter``, that are not it."""
    if letter.isupper():
        others = map(str.upper, others)
    elif letter.islower():
        others = map(str.lower, others)
    return sorted({o for o in others if len(o) == 1 and o.isalpha() and o != letter})


def _script(letter: str) -> str:
    """Return the first word of a letter's Unicode name, which is its script."""
    return unicodedata.name(letter, "").partition(" ")[0]
