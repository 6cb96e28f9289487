"""A text as a language model read it: how each word was foretold, and what was looked at for it.

    read = Foretold([" ¶", " to", " be"], [nan, 0.2, 0.5], gates=…, shares=…, pointed=…)
    foretold_terminal(read)    lines of text
    panels(read), foretold_html(read)    for ``regard.view.page``

Three kinds of model are shown. With a pointer, each word has g, the vocabulary's part of the
mixture, and the words before it that were pointed at. A machine reader has weights over the words
before each word when that is read: a line for each, as in its paper's figure 1. Of others the
probabilities are all there is. ``view.foretold_picture`` saves a picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ShapeError
from regard.view import page, shading
from regard.view.alignment import numbers, tokens_of
from regard.view.attended import Attended
from regard.view.characters import clip, columns, printable, visible
from regard.view.shading import Shading

LEAST = 0.01
"""Weight below which no word is named as pointed at."""

MOST = 3
"""Words that are named as pointed at."""

LONGEST = 24  # columns of a word

NOTHING = "An LSTM without a pointer attends to nothing: these are the words' probabilities."


@dataclass(frozen=True, eq=False)
class Foretold:
    """A text of N words, and what was said of each before it was read.

    Attributes:
        tokens: what each word adds to the text, the space before it included.
        probabilities: ``(N,)``, of each word; NaN of the first, which nothing foretold.
        known: whether each is a word that the model knows; else its probability is that of any
            unknown word.
        gates: ``(N,)``, g of each, with a pointer.
        shares: ``(N,)``, of each word's probability, what the pointer gave.
        pointed: ``(N, N)``, weights over the words before, with a pointer.
        weights: ``(N, N)``, of a machine reader, over the words before when each is read.

    Raises ShapeError when the sizes do not fit, KindError for tokens that are not strings or what
    are no real numbers.
    """

    tokens: tuple[str, ...]
    probabilities: NDArray[np.float64]
    known: tuple[bool, ...]
    gates: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None
    pointed: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tokens_of("tokens", self.tokens))
        count = len(self.tokens)
        shapes = {"probabilities": (count,), "gates": (count,), "shares": (count,)}
        for name, shape in (
            shapes | {"pointed": (count, count), "weights": (count, count)}
        ).items():
            given = getattr(self, name)
            if given is None:
                continue
            object.__setattr__(self, name, numbers(given))
            if np.shape(given) != shape:
                raise ShapeError(f"{name} of {count} words are {shape}: given {np.shape(given)}")

    @property
    def words(self) -> list[str]:
        """The words without their spaces; an unknown one with a question mark behind."""
        return [
            visible(token.strip()) + ("" if known else "?")
            for token, known in zip(self.tokens, self.known, strict=True)
        ]

    def largest(self, word: int) -> list[tuple[int, float]]:
        """The places that a word was pointed at most, and their weights, the largest first."""
        if self.pointed is None:
            return []
        row = self.pointed[word, :word]
        order = np.argsort(-row, kind="stable")[:MOST].tolist()
        return [(place, float(row[place])) for place in order if row[place] >= LEAST]

    def as_json(self) -> dict[str, Any]:
        """Words, whether they are known, their probabilities, and all weights, rounded."""
        found: dict[str, Any] = {
            "words": [token.strip() for token in self.tokens],
            "known": list(self.known),
            "probabilities": _rounded(self.probabilities),
        }
        for name in ("gates", "shares", "pointed", "weights"):
            given = getattr(self, name)
            if given is not None:
                found[name] = _rounded(given)
        return found

    def rows(self) -> list[tuple[str, ...]]:
        """Of each word but the first: itself, its probability and, with a pointer, g, the pointer's
        part of the probability, and what was pointed at, each with how many words ago it stood."""
        words, found = self.words, []
        for n in range(1, len(words)):
            row = (words[n], _percent(self.probabilities[n]))
            if self.gates is not None and self.shares is not None:
                at = ", ".join(
                    f"{words[place]} {_percent(weight)} ({n - place} ago)"
                    for place, weight in self.largest(n)
                )
                row = (*row, _percent(self.gates[n]), _percent(self.shares[n]), at)
            found.append(row)
        return found

    @property
    def heads(self) -> tuple[str, ...]:
        """What ``rows`` have."""
        if self.gates is None:
            return ("word", "p")
        return ("word", "p", "g", "pointer's", "pointed at")


def past_of(read: Foretold, word: int) -> Shading:
    """A word, marked, behind the words before it, which are shaded by their weights; those far
    before, of no weight, are left out."""
    assert read.weights is not None
    row = read.weights[word, :word]
    seen = np.flatnonzero(row > 0)
    first = int(seen[0]) if len(seen) else word
    tokens = [*read.tokens[first:word], f" [{read.words[word]}]"]
    sure = float(read.probabilities[word])
    return Shading(
        tuple(tokens),
        np.append(row[first:], 0.0),
        read.words[word],
        None if math.isnan(sure) else sure,
    )


def foretold_terminal(
    read: Foretold, *, width: int | None = None, color: bool | None = None
) -> str:
    """A line for each word, as a table; of a machine reader the words before each, shaded."""
    if read.weights is not None:
        parts = (
            shading.terminal(past_of(read, n), width=width, color=color)
            for n in range(1, len(read.tokens))
        )
        return "\n\n".join(parts)
    rows = [read.heads, *([clip(printable(row[0]), LONGEST), *row[1:]] for row in read.rows())]
    wide = max(columns(row[0]) for row in rows)
    lines = []
    for word, *others in rows:
        amounts = "".join(f"{other:>11}" for other in others[:3])
        at = f"   {others[3]}" if len(others) > 3 else ""
        lines.append(f"{word}{' ' * (wide - columns(word))}{amounts}{at}".rstrip())
    return "\n".join(lines if read.gates is not None else [NOTHING, "", *lines])


def panels(read: Foretold, title: str = "") -> list[Attended]:
    """What the page shows: the words before each that were looked at, or pointed at; nothing of a
    model that does not attend.

    Raises:
        ShapeError: a text without words.
    """
    rows = read.weights if read.weights is not None else read.pointed
    if rows is None:
        return []
    about = "Which words before it the machine reader looked at when it read each word."
    if read.weights is None:
        about = "Which words before it the pointer pointed at for each word."
    return [
        Attended(read.tokens, read.tokens, rows, title=title, about=about, joins=True, view="text")
    ]


def foretold_html(read: Foretold) -> str:
    """Of a model with a pointer a table of all numbers; of one that does not attend the text too,
    its words shaded by their probabilities. Of a machine reader the panels have all."""
    if read.weights is not None:
        return ""
    if read.shares is not None:
        return page.table(read.heads, read.rows())
    text = shading.html(Shading(read.tokens, np.nan_to_num(read.probabilities)))
    said = page.paragraph(f"{NOTHING} The darker, the likelier.")
    return said + text + page.table(read.heads, read.rows())


def _percent(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.1%}"


def _rounded(given: NDArray[np.float64]) -> list[Any]:
    def plain(x: Any) -> Any:
        if isinstance(x, list):
            return [plain(one) for one in x]
        return None if math.isnan(x) else x

    return plain(np.round(given, 6).tolist())


def bars(read: Foretold) -> Sequence[tuple[float, float]]:
    """Of each word but the first, what the vocabulary and what the pointer gave of its
    probability."""
    shares = np.zeros(len(read.tokens)) if read.shares is None else read.shares
    given = np.stack([read.probabilities * (1 - shares), read.probabilities * shares], -1)
    return [tuple(pair) for pair in given[1:].tolist()]
