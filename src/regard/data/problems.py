"""What of a user's data cannot be read: the first ends the reading, or all is left out and told."""

from collections import Counter
from typing import Final

from regard.errors import DataError

NAMED: Final = 5
"""Things left out that notes tell one by one; of more, how many there are."""


HINT: Final = " (data.on_error skip leaves such out)"


class Problems:
    """What cannot be read of a file or a folder.

    Attributes:
        left_out: what was, with its file and its row, and why: all of it, in its order.

    Args:
        name: what messages call the file.
        skip: whether it is left out; else the first ends the reading.

    >>> problems = Problems("a.tsv", skip=True)
    >>> problems.refuse("row", "a.tsv:7: no tab")
    >>> problems.notes()
    ['a.tsv: left out, for they cannot be read: 1 row', 'left out: a.tsv:7: no tab']
    """

    def __init__(self, name: str, *, skip: bool) -> None:
        self.name, self._skip = name, skip
        self._counts: Counter[str] = Counter()
        self.left_out: list[str] = []

    def refuse(self, what: str, message: str) -> None:
        """Leave a thing out.

        Args:
            what: it is: "row", "image".
            message: which one, and why.

        Raises:
            DataError: the message, unless it is to be left out.
        """
        # JSON can write half a character, and left_out.txt cannot.
        message = message.encode("utf-8", "backslashreplace").decode()
        if not self._skip:
            raise DataError(f"{message}{HINT}")
        self._counts[what] += 1
        self.left_out.append(message)

    def nothing(self, expected: str) -> DataError:
        """The error of data of which nothing is left."""
        if not self.left_out:
            return DataError(f"{self.name}: the file is empty; expected {expected}")
        return DataError(f"{self.name}: nothing in it can be read; first, {self.left_out[0]}")

    def notes(self, captions: int = 0) -> list[str]:
        """Sentences on what was left out.

        Args:
            captions: how many captions of images that cannot be read.
        """
        if not self.left_out:
            return []
        counts = [_count(number, what) for what, number in sorted(self._counts.items())[::-1]]
        if captions:
            counts[-1 if "row" in self._counts else 0] += f" with {_count(captions, 'caption')}"
        more = len(self.left_out) - NAMED
        return [
            f"{self.name}: left out, for they cannot be read: {' and '.join(counts)}",
            *(f"left out: {message}" for message in self.left_out[:NAMED]),
            *([f"left out: {more:,} more (left_out.txt of a run has all)"] if more > 0 else []),
        ]


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
