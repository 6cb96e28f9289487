"""Words and punctuation of any language, parted so that the text can be put together again."""

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Final

MARK: Final = "￭"
"""The joiner: no white space stood on this side of the token."""

_WRITTEN_MARK = "%ffed"
"""The token of a joiner that stands in a text itself; no text gives it otherwise, because a
percent sign is a token of its own."""


def split(text: str) -> list[str]:
    """A text's words and punctuation.

    A word is a run of letters, digits, combining marks and underscores. A dot, comma or colon
    between two digits belongs to it (``3.14``, ``1,000``, ``10:30``), and so does an apostrophe
    between two words, which stays with the first (French ``t'`` and ``aime``, English ``don'`` and
    ``t``). Every other sign is a token of its own, but dots in a row are one.

    Words are written as they are, and punctuation says where it was attached: the joiner ``￭``
    stands where there was no white space. Where two signs meet, the second says it. Scripts that
    set no white space between words (Han, Thai) give runs of many words: use pieces or characters
    for them.

    >>> split("Je t'aime.")
    ['Je', "t'￭", 'aime', '￭.']
    >>> split("(in 3.14 well-made ways...)")
    ['(￭', 'in', '3.14', 'well', '￭-￭', 'made', 'ways', '￭...', '￭)']

    Source: the joiner mode of OpenNMT's Tokenizer (Klein et al. 2017, OpenNMT: Open-Source Toolkit
    for Neural Machine Translation).

    Departs: it keeps an apostrophe with the word before, numbers together and dots in a row
    together, and writes a joiner of the text as one token of letters.

    Cost: one pass; about 2 µs a token.
    """
    tokens: list[str] = []
    end = -1
    for match in _pattern(text.isascii()).finditer(text):
        token = match.group()
        if token == MARK:
            token = _WRITTEN_MARK
        if match.start() == end:
            if match.lastgroup == "word":
                tokens[-1] += MARK
            else:
                token = MARK + token
        tokens.append(token)
        end = match.end()
    return tokens


def spans(text: str) -> list[tuple[str, int, int]]:
    """The tokens of ``split``, each with the place of its first character in the text and the place
    behind its last: ``text[start:end]`` is ``shown(token)``.

    >>> spans("I don't.")
    [('I', 0, 1), ("don'￭", 2, 6), ('t', 6, 7), ('￭.', 7, 8)]

    Cost: twice that of ``split``.
    """
    found: list[tuple[str, int, int]] = []
    end = 0
    for token in split(text):
        bare = shown(token)
        # Nothing but white space stands between two tokens, so the next place is the right one.
        start = text.index(bare, end)
        end = start + len(bare)
        found.append((token, start, end))
    return found


def surfaces(tokens: Iterable[str]) -> list[str]:
    """What each token adds to the text: its letters and the space before it, if there is one.

    >>> surfaces(["Je", "t'￭", "aime", "￭."])
    ['Je', " t'", 'aime', '.']
    """
    texts: list[str] = []
    attached = True
    for token in tokens:
        left = attached or token.startswith(MARK)
        attached = token.endswith(MARK)
        texts.append(("" if left else " ") + shown(token))
    return texts


def join(tokens: Iterable[str]) -> str:
    """The text of tokens.

    ``join(split(text))`` is the text with each run of white space, no-break spaces included, as
    one plain space, and none at its ends.
    """
    return "".join(surfaces(tokens))


def shown(token: str) -> str:
    """A token without its joiners, for people to read."""
    bare = token.strip(MARK)
    return MARK if bare == _WRITTEN_MARK else bare


@cache
def _pattern(ascii_only: bool) -> re.Pattern[str]:
    letter = r"\w" if ascii_only else rf"[\w{_combining()}]"
    number = rf"(?<=\d)[.,:](?=\d){letter}+"
    elided = rf"['’](?={letter})"
    return re.compile(rf"(?P<word>{letter}+(?:{number})*(?:{elided})?)|\.{{2,}}|\S")


def _combining() -> str:
    """The inside of a regular expression's set: combining marks, and the two invisible joiners."""
    codes = range(0x300, sys.maxunicode + 1)
    runs = groupby(codes, lambda code: unicodedata.category(chr(code)).startswith("M"))
    marks = (list(run) for is_mark, run in runs if is_mark)
    ranges = ((run[0], run[-1]) for run in marks)
    return "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in ranges) + r"\u200c\u200d"
