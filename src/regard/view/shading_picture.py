"""A shaded text as a picture file: .svg as it is, .png and others by matplotlib.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import os
from pathlib import Path

from regard.view.characters import columns, printable
from regard.view.picture import TEXT, chosen, fonts_for, spelt, store
from regard.view.shading import FULL, INK, Shading, placed, svg

LETTER, LINE = 0.1, 0.32  # inches
POINTS = 11.0
WIDTH = 72  # columns


def save(shaded: Shading, path: str | os.PathLike[str]) -> None:
    """Save the text with its words shaded, below what was said of it.

    The suffix of ``path`` chooses the format: .svg is written as ``shading.svg`` draws it, .png
    and others by matplotlib. Words are set one by one, each in the columns that it would take in
    a terminal.

    Raises MissingExtra without matplotlib (not for .svg), and UnknownName for a suffix that it
    does not know.
    """
    path = Path(path)
    if path.suffix.lower() == ".svg":
        path.write_text(svg(shaded), encoding="utf-8")
        return
    suffix = chosen(path, "shading_picture.save")
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    title = f"{printable(shaded.title)}   ({shaded.note})"
    words, wide, rows = placed(shaded, WIDTH)
    fonts, lacking = fonts_for("".join([title, *(word.text for word in words)]))
    style = {"family": fonts, "color": TEXT, "parse_math": False, "usetex": False}
    wide, high = LETTER * max(wide, columns(title)), LINE * (rows + 1)
    figure = Figure(figsize=(wide, high), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(high, 0))
    axes.set_axis_off()
    axes.text(0, LINE / 2, spelt([title], lacking)[0], va="center", size=POINTS - 1, **style)
    for word, text in zip(words, spelt([word.text for word in words], lacking), strict=True):
        x, y, size = LETTER * word.x, LINE * (word.row + 1), LETTER * columns(word.text)
        box = FancyBboxPatch(
            (x + 0.02, y + 0.05),
            max(size - 0.04, 0.01),
            LINE - 0.1,
            boxstyle="round,pad=0.02",
            facecolor=INK,
            alpha=FULL * word.share,
            linewidth=0,
        )
        axes.add_patch(box)
        axes.text(x + size / 2, y + LINE / 2, text, ha="center", va="center", size=POINTS, **style)
    store(figure, path, suffix)
