"""What a search looks for."""

from dataclasses import dataclass, fields

from regard.errors import RangeError

ONLY_SAMPLING = ("temperature", "top_k", "top_p", "seed")
ONLY_BEAM = ("length_penalty", "coverage_penalty")


@dataclass(frozen=True)
class Search:
    """How texts are found.

    Attributes:
        beam: hypotheses that are followed side by side; 1: the likeliest token each time.
        length_penalty: α of ((5 + |Y|) / 6)^α, by which a log-probability is divided before
            hypotheses are ranked; 0: long ones are not favoured.
        coverage_penalty: β of the sum over the source of log(min(weight it got, 1)), which is
            added; 0: what is left untranslated costs nothing.
        n_best: texts found for each source, best first; with sample, drawn for each.
        sample: draw each token from the model's distribution.
        temperature: of the distribution: below 1 sharper, above 1 flatter.
        top_k: draw from so many likeliest tokens; null: from all.
        top_p: draw from the fewest likeliest tokens that together have this probability.
        max_length: tokens that a text has at most; null: 2 · the source's tokens + 20 (of an image:
            2 · the longest caption learned from + 20).
        seed: of what is drawn; the same source and seed give the same texts in any batch.

    Raises:
        RangeError: a number outside its range, or an option that could have no effect.

    >>> Search(beam=5, n_best=2, length_penalty=0.6).n_best
    2
    >>> Search(n_best=2)
    Traceback (most recent call last):
    ...
    regard.errors.RangeError: n_best is at most beam, unless texts are sampled: 2 of 1
    """

    beam: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    n_best: int = 1
    sample: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    max_length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("beam", "n_best", "top_k", "max_length"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"{name} is at least 1: {number}")
        for name in ONLY_BEAM:
            if not 0 <= getattr(self, name) < float("inf"):
                raise RangeError(f"{name} is a number, 0 or more: {getattr(self, name)}")
        if not 0 < self.temperature < float("inf"):
            raise RangeError(
                f"temperature is above 0: {self.temperature} (without sample, the likeliest "
                "token is taken)"
            )
        if not 0 < self.top_p <= 1:
            raise RangeError(f"top_p is a probability above 0: {self.top_p}")
        if not 0 <= self.seed < 2**63:
            raise RangeError(f"seed is a whole number from 0 to 2⁶³ − 1: {self.seed}")
        self._refuse_what_has_no_effect()

    def _refuse_what_has_no_effect(self) -> None:
        changed = {f.name for f in fields(self) if getattr(self, f.name) != f.default}
        if self.sample and self.beam > 1:
            raise RangeError(f"texts are sampled or searched with a beam, not both: {self.beam}")
        if not self.sample and self.n_best > self.beam:
            raise RangeError(
                f"n_best is at most beam, unless texts are sampled: {self.n_best} of {self.beam}"
            )
        for name in ONLY_SAMPLING:
            if name in changed and not self.sample:
                raise RangeError(f"{name} is for sampling: set sample, or leave it out")
        for name in ONLY_BEAM:
            if name in changed and self.beam == 1:
                raise RangeError(f"{name} ranks the hypotheses of a beam: set beam to 2 or more")

    def limit(self, length: int) -> int:
        """Tokens that the text of a source of so many tokens has at most."""
        return 2 * length + 20 if self.max_length is None else self.max_length
