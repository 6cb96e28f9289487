"""A passage that was read with a question: for a terminal, a page, or as a drawing.

    read = Reading(passage, question, answer=(7, 7), weights=..., over=...)
    terminal(read)    the passage shaded, and for each word of the question who looked at it
    panels(read)      the same for the page, with the whole matrix
    svg(read)         the passage shaded, as one <svg> element

The answer stands in brackets ``[ ]``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import ShapeError
from regard.view import shading
from regard.view.alignment import Alignment, numbers, tokens_of
from regard.view.attended import Attended
from regard.view.characters import columns, printable
from regard.view.shading import Shading

NAMED = 4
"""Words of the passage that are named for each word of the question."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A passage of C tokens that was read with a question of Q words.

    Attributes:
        passage: what each token adds to the text, the space before it included.
        question: its words.
        weights: ``(C, Q)``, how much each token of the passage looked at each word of the question.
        over: ``(C,)``, how the question as a whole looked at the passage; None: it did not.
        answer: the first and the last token of the answer.
        own: of some tokens of the passage, their place and the weights ``(C,)`` with which they
            looked at the passage itself.
        title: what was asked and answered.

    Raises ShapeError when the sizes do not fit, KindError for tokens that are not strings or
    weights that are not real numbers.
    """

    passage: tuple[str, ...]
    question: tuple[str, ...]
    weights: NDArray[np.float64]
    over: NDArray[np.float64] | None = None
    answer: tuple[int, int] | None = None
    own: tuple[tuple[int, NDArray[np.float64]], ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "passage", tokens_of("passage", self.passage))
        object.__setattr__(self, "question", tokens_of("question", self.question))
        object.__setattr__(self, "weights", numbers(self.weights))
        expected = (len(self.passage), len(self.question))
        if self.weights.shape != expected:
            raise ShapeError(
                f"weights must be (C, Q) = {expected}, one row per token of the passage and one "
                f"column per word of the question; given {self.weights.shape}"
            )
        if self.answer is not None and not 0 <= self.answer[0] <= self.answer[1] < expected[0]:
            raise ShapeError(
                f"the answer's first and last token are among the {expected[0]} of the passage; "
                f"given {self.answer}"
            )

    @property
    def marked(self) -> tuple[str, ...]:
        """The passage's tokens, the answer in brackets."""
        tokens = list(self.passage)
        if self.answer is not None:
            first, last = self.answer
            space = " " * tokens[first].startswith(" ")
            tokens[first] = f"{space}[{tokens[first].removeprefix(' ')}"
            tokens[last] += "]"
        return tuple(tokens)

    @property
    def shaded(self) -> Shading:
        """The passage, shaded by how the question looked at it, or else by where the answer is."""
        if self.over is not None:
            return Shading(self.marked, self.over, "the question, over the passage")
        weights = np.zeros(len(self.passage))
        if self.answer is not None:
            weights[self.answer[0] : self.answer[1] + 1] = 1.0
        return Shading(self.marked, weights, "the answer")

    @property
    def alignment(self) -> Alignment:
        """The matrix: a row for each word of the question, a column for each of the passage."""
        passage = [token.strip() or token for token in self.passage]
        return Alignment(tuple(passage), self.question, self.weights.T, self.title)

    def shade_of(self, place: int, weights: NDArray[np.float64]) -> Shading:
        """What one token of the passage looked at in the passage."""
        tokens = list(self.passage)
        space = " " * tokens[place].startswith(" ")
        tokens[place] = f"{space}[{tokens[place].strip()}]"
        return Shading(tuple(tokens), weights, f"what “{self.passage[place].strip()}” looks at")

    def most(self, word: int) -> list[tuple[str, float]]:
        """The tokens of the passage that looked most at a word of the question, and how much."""
        column = np.nan_to_num(self.weights[:, word], nan=0.0)
        places = np.argsort(-column, kind="stable")[:NAMED]
        return [(self.passage[place].strip(), float(column[place])) for place in places]


def terminal(read: Reading, *, width: int | None = None, color: bool | None = None) -> str:
    """The passage shaded by how the question looked at it, below it for each word of the question
    that has a letter or a digit the tokens of the passage that looked at it most, and what some
    tokens looked at in the passage itself. ``width`` and ``color`` None ask the terminal.

    >>> read = Reading(["Ann", " sang"], ["Who", "sang"], [[0.9, 0.1], [0.2, 0.8]], answer=(0, 0))
    >>> for line in terminal(read, width=80, color=False).splitlines():
    ...     print(line.rstrip())
    the answer   (full shade: weight 100%)
    [Ann] sang
    █████
    <BLANKLINE>
    who looks at the words of the question
    Who    Ann 90%, sang 20%
    sang   sang 80%, Ann 10%
    """
    parts = [shading.terminal(read.shaded, width=width, color=color)]
    words = [printable(word) for word in read.question]
    room = max(map(columns, words), default=0) + 3
    lines = ["who looks at the words of the question"]
    for place, word in enumerate(words):
        if not any(map(str.isalnum, word)):  # a comma tells nobody anything
            continue
        named = ", ".join(f"{printable(token)} {amount:.0%}" for token, amount in read.most(place))
        lines.append(f"{word}{' ' * (room - columns(word))}{named}")
    parts.append("\n".join(lines))
    for place, weights in read.own:
        looked = read.shade_of(place, weights)
        parts.append(shading.terminal(looked, width=width, color=color))
    return "\n\n".join(parts)


def panels(read: Reading, title: str = "") -> list[Attended]:
    """What the page shows: how the question looked at the passage, how each token of the passage
    looked at each word of the question, and what some of its tokens looked at in the passage
    itself.

    Raises:
        ShapeError: there is nothing to show.
    """
    title = title or read.title
    question = tuple(f" {word}" if place else word for place, word in enumerate(read.question))
    found = [
        Attended(
            question,
            read.marked,
            read.weights,
            title=title,
            about="How much each token of the passage looks at each word of the question; the "
            "answer stands in brackets.",
            joins=True,
            view="text",
        )
    ]
    if read.over is not None:
        about = "How the question as a whole looked at the passage; the answer stands in brackets."
        shaded = Attended(
            read.marked, ("the question",), read.over[None], title=title, about=about, joins=True,
            view="text",
        )  # fmt: skip
        found.insert(0, shaded)
    if read.own:
        names = tuple(read.passage[place].strip() for place, _ in read.own)
        rows = np.stack([weights for _, weights in read.own])
        about = "What these words of the passage look at in the passage itself."
        found.append(
            Attended(read.passage, names, rows, title=title, about=about, joins=True, view="text")
        )
    return found


def svg(read: Reading) -> str:
    """The passage shaded, as one drawing."""
    return shading.svg(read.shaded)
