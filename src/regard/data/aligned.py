"""Pairs of sentences whose words were aligned by hand, to judge where a translator looks.

A file of them is text for people to read: a line a pair, ``source ||| target ||| links``, where the
links name every token of the target, in order, and what it answers to::

    I love you. ||| Je t'aime. ||| Je=I t'=you aime=love .=.

Several source tokens are joined by ``+``, a possible link stands in ``()``, ``_`` is none at all,
and ``the~2`` is the second ``the`` of the sentence. Tokens are those of ``data.tokens``, without
their joiners. Lines that begin with ``#`` are remarks.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from regard.data.tokens import shown, split
from regard.errors import DataError

Link = tuple[int, int]
"""A token of the target and a token of the source, by number, in this order: the row and the
column of a matrix of weights."""

_SOURCE = re.compile(r"(?P<token>.+?)(?:~(?P<nth>\d+))?")


class AlignedPair(NamedTuple):
    """Two sentences, their tokens without joiners, and which belong together.

    ``sure`` links are beyond doubt; ``possible`` ones can be argued for and hold the sure ones.

    Source:  Och and Ney 2003, A Systematic Comparison of Various Statistical Alignment Models, §4
    """

    source: str
    target: str
    source_tokens: tuple[str, ...]
    target_tokens: tuple[str, ...]
    sure: frozenset[Link]
    possible: frozenset[Link]

    @property
    def words(self) -> tuple[int, ...]:
        """The target's tokens that are words, by number; the others are punctuation."""
        return tuple(q for q, token in enumerate(self.target_tokens) if is_word(token))

    def links_of(self, q: int, *, sure: bool = False) -> frozenset[int]:
        """The source tokens that target token ``q`` is linked to."""
        return frozenset(k for row, k in (self.sure if sure else self.possible) if row == q)


def is_word(token: str) -> bool:
    """Whether a token has a letter or a digit.

    >>> is_word("t'"), is_word("?")
    (True, False)
    """
    return any(character.isalnum() for character in token)


@cache
def english_french() -> tuple[AlignedPair, ...]:
    """The 72 English and French pairs that come with the library.

    >>> pair = english_french()[0]
    >>> pair.target_tokens, sorted(pair.sure)
    (('Je', "t'", 'aime', '.'), [(0, 0), (1, 2), (2, 1), (3, 3)])

    Source: written and aligned for regard; ``docs/data/aligned.md`` says by which rules
    """
    file = resources.files("regard.data") / "aligned_eng_fra.txt"
    return tuple(parse(file.read_text(encoding="utf-8").splitlines(), "aligned_eng_fra.txt"))


def read(path: str | Path) -> list[AlignedPair]:
    """The pairs of a file.

    Raises:
        DataError: it cannot be read, it has no pair, or a line is not as it should be.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8") from None
    pairs = parse(text.split("\n"), str(path))
    if not pairs:
        raise DataError(f"{path} has no aligned pairs: source ||| target ||| links is expected")
    return pairs


def parse(lines: Iterable[str], name: str) -> list[AlignedPair]:
    """The pairs of lines; ``name`` is that of their file, for errors.

    Raises:
        DataError: a line is not as it should be: file, line, what was expected and what came.
    """
    pairs = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                pairs.append(_pair(line))
            except DataError as error:
                raise DataError(f"{name}:{number}: {error}") from None
    return pairs


def _pair(line: str) -> AlignedPair:
    parts = [part.strip() for part in line.split("|||")]
    if len(parts) != 3 or not all(parts):
        raise DataError(f"source ||| target ||| links is expected: {line.strip()}")
    source, target, links = parts
    source_tokens, target_tokens = _tokens(source), _tokens(target)
    cells = [cell.rpartition("=") for cell in _cells(links)]
    named = tuple(token for token, _, _ in cells)
    if named != target_tokens:
        raise DataError(
            f"the links name the tokens {' '.join(named)}, and the target has "
            f"{' '.join(target_tokens)}"
        )
    sure: set[Link] = set()
    possible: set[Link] = set()
    for q, (_, _, answers) in enumerate(cells):
        for answer in answers.split("+") if answers != "_" else ():
            doubtful = answer.startswith("(") and answer.endswith(")")
            link = q, _place(answer[1:-1] if doubtful else answer, source_tokens)
            possible.add(link)
            if not doubtful:
                sure.add(link)
    return AlignedPair(
        source, target, source_tokens, target_tokens, frozenset(sure), frozenset(possible)
    )


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(shown(token) for token in split(text))


def _cells(links: str) -> list[str]:
    cells = links.split()
    for cell in cells:
        if "=" not in cell[1:-1]:
            raise DataError(f"token=token is expected, and there is {cell}")
    return cells


def _place(answer: str, tokens: tuple[str, ...]) -> int:
    match = _SOURCE.fullmatch(answer)
    token, nth = (match["token"], int(match["nth"] or 1)) if match else ("", 1)
    places = [k for k, one in enumerate(tokens) if one == token]
    if not 1 <= nth <= len(places):
        raise DataError(f"the source {' '.join(tokens)} has no token {answer}")
    return places[nth - 1]
