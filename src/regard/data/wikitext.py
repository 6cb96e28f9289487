"""The data set ``wikitext2``: articles of Wikipedia, as WikiText-2 has them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from regard.data import files
from regard.data.download import fetch
from regard.data.running_text import Passage
from regard.data.splits import Splits

CHOSEN_BY = 6
"""Articles of the training text that are kept to choose by: the last ones."""

_TITLE = re.compile(r"= [^=](.*[^=])? =")


def wikitext2() -> Splits[Passage]:
    """The two smaller parts of WikiText-2, in other roles than its makers gave them.

    Learned from is ``wiki.test.tokens`` (245,569 words, ends of lines among them) but for its last
    6 articles of 62, which are to choose by; judged on is ``wiki.valid.tokens`` (217,646 words, 60
    articles). The training part of two million words is not needed, so perplexities are those of a
    small text: they cannot be compared with published ones. Words are parted by white space,
    ``<unk>`` is the unknown word.

    Raises:
        DataError: the files are not there and cannot be downloaded, or are others.
        MissingExtra: pooch is not installed, and the set is not in REGARD_DATA.
    """
    found = {path.name.removesuffix(".gz"): path for path in fetch("wikitext2")}
    learned = _articles(found["wiki.test.tokens"])
    judged = _articles(found["wiki.valid.tokens"])
    note = (
        "learned from wiki.test.tokens and judged on wiki.valid.tokens: not the usual parts, so "
        "perplexities cannot be compared with published ones"
    )
    return Splits(learned[:-CHOSEN_BY], learned[-CHOSEN_BY:], judged, notes=(note,))


def articles(lines: Iterable[str]) -> Iterator[Passage]:
    """The articles of WikiText: each begins with its title, `` = Title = ``, and what stands before
    the first title belongs to the first.

    >>> list(articles(["", " = A = ", "", " = = B = = ", " one", "", " = C = ", ""]))
    [Passage(text='\\n= A =\\n\\n= = B = =\\none\\n'), Passage(text='= C =\\n')]
    """
    held: list[str] = []
    begun = False
    for line in map(str.strip, lines):
        title = bool(_TITLE.fullmatch(line))
        if title and begun:
            yield Passage("\n".join(held))
            held = []
        begun = begun or title
        held.append(line)
    if held:
        yield Passage("\n".join(held))


def _articles(path: Path) -> list[Passage]:
    return list(articles(line for _, line in files.lines(str(path))))
