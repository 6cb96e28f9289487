"""How texts are continued."""

from dataclasses import dataclass

from regard.errors import RangeError
from regard.runs.decode import Search

LONGEST = 50


@dataclass(frozen=True)
class Continuing(Search):
    """How texts are continued.

    Attributes:
        coverage_penalty: of translations alone: it stays 0.
        max_length: words that are added at most; null: 50.

    Raises:
        RangeError: a number outside its range, or an option that could have no effect.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coverage_penalty:
            raise RangeError(
                "coverage_penalty ranks by what of a source was read, and a continued text has no "
                "source: leave it out"
            )

    def limit(self, length: int) -> int:
        """Words that are added at most, to a text of any length."""
        return LONGEST if self.max_length is None else self.max_length
