"""Running text: what is read word after word, line after line."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from regard.data import files
from regard.errors import DataError


class Passage(NamedTuple):
    """A piece of running text: an article, a topic, or a line of a file with the blank lines behind
    it. Lines are parted by ``"\\n"``, and its end is the end of its last one."""

    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


def passages(lines: Iterable[str]) -> Iterator[Passage]:
    """A passage for each line with words; blank lines belong to the one before, and those at the
    beginning to the first.

    >>> list(passages(["", "One.", "", "Two."]))
    [Passage(text='\\nOne.\\n'), Passage(text='Two.')]
    """
    held: list[str] = []
    begun = False
    for line in lines:
        if begun and line.strip():
            yield Passage("\n".join(held))
            held = []
        begun = begun or bool(line.strip())
        held.append(line.strip())
    if begun:
        yield Passage("\n".join(held))


def read(names: Sequence[str]) -> list[Passage]:
    """The passages of files, one file after another; ``-`` is standard input.

    Raises:
        DataError: a file cannot be read (see ``files.lines``), or has no words.
    """
    found: list[Passage] = []
    for name in names:
        if not files.exists(name):
            raise DataError(f"{name}: no such file")
        own = list(passages(line for _, line in files.lines(name)))
        if not own:
            raise DataError(f"{files.name(name)}: there are no words in it")
        found += own
    return found


def words_of(part: Iterable[Passage]) -> int:
    """How many words, as white space parts them."""
    return sum(len(passage.text.split()) for passage in part)
