"""Characters as they are shown: what cannot be seen gets a symbol, and every one has a width."""

import html
import unicodedata
from collections.abc import Iterator

DOTTED_CIRCLE = "◌"

SYMBOLS = {
    " ": "␣",
    "\t": "⇥",
    "\n": "⏎",
    "\u200c": "∤",  # zero width non-joiner
    "\u200d": "‿",  # zero width joiner
    "\u200e": "▸",  # left-to-right mark
    "\u200f": "◂",  # right-to-left mark
    "\u061c": "◂",  # Arabic letter mark
}


def visible(token: str) -> str:
    """The token with every invisible character shown, so that no two lines can be confused.

    A space is ␣, any other space ⍽, a line feed ⏎, a tab ⇥; other control characters, and what no
    font has, are their code points. A combining mark in front stands on a dotted circle, and the
    empty token is ∅. The result is safe to print and legal in XML.

    >>> visible("le 5\\n"), visible("\\x1b[2J"), visible("\\u202e"), visible("\\u0301")
    ('le␣5⏎', 'U+001B[2J', 'U+202E', '◌́')
    """
    if not token:
        return "∅"
    shown = "".join(map(_symbol, token))
    return DOTTED_CIRCLE + shown if _is_mark(shown[0]) else shown


def printable(text: str, keep: str = "") -> str:
    """Running text, with spaces and format characters left alone.

    Only control characters outside ``keep``, lone surrogates and noncharacters become symbols:
    a terminal would obey them, and XML forbids them.
    """
    return "".join(c if c in keep or not _is_harmful(c) else _symbol(c) for c in text)


def escape(text: str) -> str:
    """Running text for XML and HTML, between tags or between quotes.

    >>> escape("<b> & \\x00")
    '&lt;b&gt; &amp; U+0000'
    """
    return html.escape(printable(text, keep="\n\t"))


def graphemes(text: str) -> Iterator[str]:
    """The text cut into characters, each with the combining marks that follow it."""
    cluster = ""
    for character in text:
        if cluster and columns(character) and not _is_mark(character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters 2, combining marks 0.

    >>> columns("5"), columns("五"), columns("e\\u0301")
    (1, 2, 1)
    """
    return sum(map(_columns, text))


def clip(text: str, limit: int) -> str:
    """The text in at most ``limit`` columns, its end replaced by … where it is longer."""
    if columns(text) <= limit:
        return text
    kept = ""
    for cluster in graphemes(text):
        if columns(kept + cluster) >= limit:
            break
        kept += cluster
    return kept + "…"


def is_right_to_left(text: str) -> bool:
    """Whether a bidirectional terminal or browser would reorder the text."""
    return any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in text)


def _symbol(character: str) -> str:
    if character in SYMBOLS:
        return SYMBOLS[character]
    category = unicodedata.category(character)
    if category == "Zs":
        return "⍽"
    if category in {"Zl", "Zp"} or category.startswith("C"):
        return f"U+{ord(character):04X}"
    return character


def _is_harmful(character: str) -> bool:
    # Cn holds noncharacters, and what this Python's Unicode does not know yet: that may stay.
    code = ord(character)
    return (
        unicodedata.category(character) in {"Cc", "Cs"}
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or _is_medial_jamo(character)


def _is_medial_jamo(character: str) -> bool:
    return "\u1160" <= character <= "\u11ff"  # joins the syllable before it, so adds no width


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or _is_medial_jamo(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
