"""A text whose words are shaded by their weights: for a terminal, a page, or as a drawing.

    shaded = Shading(["Great", " phone", "."], [0.7, 0.2, 0.1], "positive", 0.93)
    terminal(shaded)    lines of text, in colours or with a line of shades beneath
    html(shaded)        a paragraph for ``regard.view.page``; weights on hover
    svg(shaded)         one <svg> element, likewise

The strongest weight of a text has the full shade, for the weights of a long text are all small;
each view says what it is. Shades are one blue over the paper, light or dark, so they differ in
lightness and read without colour vision. ``view.shading_picture`` saves a picture.
"""

import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regard.errors import ShapeError
from regard.view import colors
from regard.view.alignment import numbers, tokens_of
from regard.view.characters import columns, escape, is_right_to_left, printable, visible
from regard.view.svg import document
from regard.view.terminal import PLAIN, SHADES, takes_color

INK = "#0072B2"  # of Okabe and Ito's set
FULL = 0.75  # opacity of the strongest weight: text on it keeps a contrast of 4.5, light or dark
LETTER, LINE, SIZE = 8.4, 28.0, 14.0  # CSS pixels
WIDTH = 88  # columns of a drawing


@dataclass(frozen=True, eq=False)
class Shading:
    """A text in tokens, how much weight each has, and what was said of the text.

    ``tokens`` are what each token adds to the text, the space before it included: joined, they are
    the text. ``weights`` ``(K,)`` are at least 0; NaN and what is below count as none.

    Raises ShapeError when the sizes do not fit, KindError for tokens that are not strings or
    weights that are not real numbers.

    >>> Shading(["Great", " phone"], [0.75, 0.25], "positive", 0.93).title
    'positive 93.0%'
    """

    tokens: tuple[str, ...]
    weights: NDArray[np.float64]
    label: str = ""
    probability: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tokens_of("tokens", self.tokens))
        object.__setattr__(self, "weights", numbers(self.weights))
        if self.weights.shape != (len(self.tokens),):
            raise ShapeError(
                f"weights must be one for each of {len(self.tokens)} tokens; "
                f"given {self.weights.shape}"
            )

    @property
    def title(self) -> str:
        """The label, and its probability if that is known."""
        sure = "" if self.probability is None else f" {self.probability:.1%}"
        return f"{self.label}{sure}"

    @property
    def shares(self) -> list[float]:
        """Each weight by the strongest, from 0 to 1."""
        weights = np.nan_to_num(self.weights, nan=0.0).clip(min=0.0)
        return (weights / (weights.max(initial=0.0) or 1.0)).tolist()

    @property
    def note(self) -> str:
        """What the full shade stands for."""
        weights = np.nan_to_num(self.weights, nan=0.0)
        return f"full shade: weight {100 * weights.max(initial=0.0):.0f}%"


def terminal(shaded: Shading, *, width: int | None = None, color: bool | None = None) -> str:
    """The text in lines of at most ``width`` columns, below what was said of it.

    With ``color``, words stand on a viridis background; else each line has another beneath it
    with one of the shades ` ░▒▓█` (0, ¼, ½, ¾, 1) under every letter. ``width`` and ``color`` None
    ask the terminal, as in ``terminal.alignment``.

    >>> shaded = Shading(["Great", " phone", "."], [0.8, 0.2, 0.0], "positive", 0.93)
    >>> for line in terminal(shaded, width=80, color=False).splitlines():
    ...     print(line.rstrip())
    positive 93.0%   (full shade: weight 80%)
    Great phone.
    █████ ░░░░░
    """
    width = shutil.get_terminal_size().columns if width is None else width
    color = takes_color() if color is None else color
    title = f"{printable(shaded.title)}   ({shaded.note})".strip()
    lines = [title]
    for line in _lines(shaded, width):
        if color:
            lines.append("".join(_colored(*part) for part in line))
        else:
            lines.append("".join(space + word for space, word, _ in line))
            lines.append(
                "".join(space + _shade(share) * columns(word) for space, word, share in line)
            )
    return "\n".join(lines)


def html(shaded: Shading) -> str:
    """The text as a paragraph of a page, its words on shades of blue; pointed at, a word tells its
    weight. What was said of the text is for the caption."""
    spans = []
    for token, weight, share in zip(shaded.tokens, shaded.weights, shaded.shares, strict=True):
        space, word = parted(token)
        look = f"background: rgba(0, 114, 178, {FULL * share:.3f}); border-radius: 3px;"
        spans.append(
            f'{space}<span style="{look} padding: .1em 0;" title="{_amount(weight)}">'
            f"{escape(word)}</span>"
        )
    style = "line-height: 2; max-width: none;"
    return f'<p dir="auto" style="{style}">{"".join(spans)}</p>'


def svg(shaded: Shading) -> str:
    """The text as SVG in a fixed-width face, below what was said of it; pointed at, a word tells
    its weight. No styles and no ids are used: many drawings share a page."""
    parts = [_text(0, 16, f"{shaded.title}   ({shaded.note})", 'font-size="13"')]
    words, wide, rows = placed(shaded, WIDTH)
    for word in words:
        x, y, size = LETTER * word.x, LINE * (word.row + 1), LETTER * columns(word.text)
        look = f'font-size="{SIZE:g}" textLength="{size:g}" lengthAdjust="spacingAndGlyphs"'
        parts.append(
            f"<g><title>{escape(word.text)}: {_amount(word.weight)}</title>"
            f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="24" rx="3" '
            f'fill="{INK}" fill-opacity="{FULL * word.share:.3f}"/>'
            f"{_text(x, y + 17, word.text, look)}</g>"
        )
    wide = max(wide, columns(shaded.title + shaded.note) + 5)
    return document(LETTER * wide, LINE * (rows + 1), f"{shaded.title}: shaded by weight", parts)


class Word(NamedTuple):
    """A word of a drawing: its place (columns from the left, row), its weight and share."""

    text: str
    x: int
    row: int
    weight: float
    share: float


def placed(shaded: Shading, width: int) -> tuple[list[Word], int, int]:
    """The words of a drawing, how many columns it has (``width`` at most, but for a longer word)
    and how many rows. A text of a right-to-left script runs from the right."""
    lines, weights, words = list(_lines(shaded, width)), iter(shaded.weights.tolist()), []
    spans = [sum(len(space) + columns(word) for space, word, _ in line) for line in lines]
    wide = max(spans, default=0)
    turned = is_right_to_left("".join(shaded.tokens))
    for row, line in enumerate(lines):
        x = 0
        for space, word, share in line:
            x += len(space)
            size = columns(word)
            words.append(Word(word, wide - x - size if turned else x, row, next(weights), share))
            x += size
    return words, wide, len(lines)


def parted(token: str) -> tuple[str, str]:
    """The space before a token's letters, one or none, and the letters, safe to print."""
    word = token.lstrip(" ")
    if not word:
        return "", visible(token)
    return " " * (word != token), visible(word)


def _lines(shaded: Shading, width: int) -> Iterator[list[tuple[str, str, float]]]:
    """Lines of (space, word, share): a line breaks before a space, or where there is none but no
    room either."""
    line: list[tuple[str, str, float]] = []
    used = 0
    for token, share in zip(shaded.tokens, shaded.shares, strict=True):
        space, word = parted(token)
        if line and used + len(space) + columns(word) > width:
            yield line
            line, used = [], 0
        space = space if line else ""
        line.append((space, word, share))
        used += len(space) + columns(word)
    if line:
        yield line


def _colored(space: str, word: str, share: float) -> str:
    shade = colors.ramp(share)
    light = 0.2126 * shade[0] + 0.7152 * shade[1] + 0.0722 * shade[2] > 110
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        ink = "\x1b[38;2;0;0;0m" if light else "\x1b[38;2;255;255;255m"
        return f"{space}\x1b[48;2;{shade[0]};{shade[1]};{shade[2]}m{ink}{word}{PLAIN}"
    ink = "\x1b[38;5;16m" if light else "\x1b[38;5;231m"
    return f"{space}\x1b[48;5;{colors.palette_index(shade)}m{ink}{word}{PLAIN}"


def _shade(share: float) -> str:
    return SHADES[round(share * (len(SHADES) - 1))]


def _amount(weight: float) -> str:
    return "no value" if math.isnan(weight) else f"{weight:.1%}"


def _text(x: float, y: float, text: str, look: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="currentColor" '
        f"font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\" {look}>{escape(text)}</text>"
    )
