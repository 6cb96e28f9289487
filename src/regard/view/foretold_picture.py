"""A text as a language model read it, as a picture file, drawn by matplotlib.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regard.view.characters import clip, columns
from regard.view.foretold import LONGEST, Foretold, bars, past_of
from regard.view.picture import TEXT, chosen, fonts_for, spelt, store
from regard.view.shading import FULL, INK, parted

LETTER, LINE = 0.1, 0.26  # inches
POINTS = 10.0
BAR = 3.0  # inches of a probability of 1
MARK = "#d55e00"  # of Okabe and Ito's set
FAINT = "#b8c0ca"

WORDS = 60
"""Words of a text that are drawn: its first ones."""


def save(read: Foretold, path: str | os.PathLike[str]) -> None:
    """Save a line for each of the first 60 words.

    Of a machine reader the words before it, shaded by their weights, the strongest with the full
    shade, and the word itself in orange. Of others a bar as long as its probability: grey what the
    vocabulary gave of it, blue what the pointer gave; and behind it what was pointed at.

    The suffix of ``path`` chooses the format: .png, .svg, .pdf, or another that matplotlib knows.

    Raises MissingExtra without matplotlib, and UnknownName for a suffix that it does not know.
    """
    path = Path(path)
    suffix = chosen(path, "foretold_picture.save")
    drawn = _past(read) if read.weights is not None else _bars(read)
    store(drawn, path, suffix)


def _axes(wide: float, rows: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, LINE * rows), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(LINE * rows, 0))
    axes.set_axis_off()
    return figure, axes


def _past(read: Foretold) -> Any:
    from matplotlib.patches import Rectangle

    lines = [past_of(read, n) for n in range(1, min(len(read.tokens), WORDS + 1))]
    words = [[parted(token) for token in line.tokens] for line in lines]
    fonts, lacking = fonts_for("".join(word for line in words for _, word in line))
    style = {"family": fonts, "parse_math": False, "usetex": False, "va": "center"}
    wide = max((sum(len(s) + columns(w) for s, w in line) for line in words), default=1)
    figure, axes = _axes(LETTER * wide, max(len(lines), 1))
    for n, (line, shown) in enumerate(zip(lines, words, strict=True)):
        x, y = 0.0, LINE * (n + 0.5)
        for place, ((space, word), share) in enumerate(zip(shown, line.shares, strict=True)):
            x += LETTER * len(space)
            size = LETTER * columns(word)
            box = Rectangle((x, y - 0.42 * LINE), size, 0.84 * LINE, facecolor=INK, linewidth=0)
            box.set_alpha(FULL * share)
            axes.add_patch(box)
            ink = MARK if place == len(shown) - 1 else TEXT
            text = spelt([word], lacking)[0]
            axes.text(x + size / 2, y, text, ha="center", size=POINTS, color=ink, **style)
            x += size
    return figure


def _bars(read: Foretold) -> Any:
    from matplotlib.patches import Rectangle

    rows = read.rows()[:WORDS]
    heads = [clip(row[0], LONGEST) for row in rows]
    tails = [_tail(row) for row in rows]
    fonts, lacking = fonts_for("".join([*heads, *tails]))
    style = {"family": fonts, "color": TEXT, "size": POINTS, "va": "center"}
    style |= {"parse_math": False, "usetex": False}
    left = LETTER * max(map(columns, heads), default=1) + 0.1
    wide = left + BAR + LETTER * max(map(columns, tails), default=1)
    figure, axes = _axes(wide, max(len(rows), 1))
    for n, (head, tail, parts) in enumerate(zip(heads, tails, bars(read), strict=False)):
        x, y = left, LINE * (n + 0.5)
        axes.text(left - 0.08, y, spelt([head], lacking)[0], ha="right", **style)
        for amount, ink in zip(parts, (FAINT, INK), strict=True):
            box = Rectangle((x, y - 0.35 * LINE), BAR * amount, 0.7 * LINE)
            box.set(facecolor=ink, linewidth=0)
            axes.add_patch(box)
            x += BAR * amount
        axes.text(x + 0.08, y, spelt([tail], lacking)[0], ha="left", **style)
    return figure


def _tail(row: Sequence[str]) -> str:
    """The probability, and with a pointer g and what was pointed at."""
    if len(row) < 3:
        return row[1]
    return f"{row[1]}   g {row[2]}   {row[4]}".rstrip()
