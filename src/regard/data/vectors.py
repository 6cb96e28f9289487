"""Word vectors of others, from text files: GloVe's, word2vec's and fastText's."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from regard.data import files
from regard.errors import DataError


class Vectors(NamedTuple):
    """Words of a file, and their vectors."""

    words: list[str]
    rows: Float[np.ndarray, "W N"]


def read(path: str, wanted: Callable[[str], str | None]) -> Vectors:
    """The vectors of those words of a file that are wanted.

    A line is a word and its numbers, ``word v1 … vN``, with spaces or tabs between; GloVe has words
    with spaces in them. A first line of two whole numbers, how many words and how many numbers of
    each, is word2vec's and fastText's, and is passed over. ``.gz`` is unpacked.

    Args:
        wanted: what a word of the file is called here, or None: it is passed over. Of several words
            that are called the same, the first counts.

    Raises:
        DataError: as ``files.lines``; a line without a word, or with fewer numbers than the first;
            a wanted word with something that is no finite number; or there is no line. File and
            line are told.

    Cost: about 10 µs a wanted vector of 100 numbers; memory holds the wanted ones.
    """
    found: dict[str, Float[np.ndarray, " N"]] = {}
    width: int | None = None
    for number, line in files.lines(path):
        parts = line.rstrip().replace("\t", " ").split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            width = int(parts[1])
            continue
        if width is None:
            width = len(parts) - 1
        word = " ".join(parts[:-width]) if 0 < width < len(parts) else ""
        if not word:
            raise DataError(
                f"{files.name(path)}:{number}: expected a word and {width or 'its'} numbers, and "
                f"the line has {len(parts)} parts"
            )
        name = wanted(word)
        if name is not None and name not in found:
            found[name] = _numbers(parts[-width:], f"{files.name(path)}:{number}")
    if width is None:
        raise DataError(f"{files.name(path)}: the file is empty; expected word vectors")
    rows = np.stack(list(found.values())) if found else np.zeros((0, width), np.float32)
    return Vectors(list(found), rows)


def _numbers(parts: list[str], place: str) -> Float[np.ndarray, " N"]:
    try:
        row = np.array([float(part) for part in parts])
    except ValueError as error:
        raise DataError(f"{place}: expected numbers behind the word: {error}") from None
    if not (np.abs(row) <= np.finfo(np.float32).max).all():
        raise DataError(f"{place}: a number that is not finite")
    return row.astype(np.float32)
