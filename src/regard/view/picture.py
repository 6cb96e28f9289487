"""The heatmap of an alignment as a picture file, drawn by matplotlib.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import io
import os
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import MissingExtra, UnknownName
from regard.view import colors
from regard.view.alignment import Alignment
from regard.view.characters import clip, columns, printable, visible

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

CELL = 0.3  # inches
LARGEST = 30.0  # inches of cells along one side; a larger alignment gets smaller cells
DOTS = 200  # per inch
LONGEST_TOKEN = 24  # columns
TEXT = "#1b1f24"

# What matplotlib would stamp on a file: the day, and its own version.
UNSTAMPED: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

# Fonts that draw a box or nothing for everything, coloured ones, which matplotlib cannot draw, and
# those of formulas, whose glyphs do not stand at their code points.
UNFIT_FONT = re.compile(r"Last ?Resort|Adobe Blank|Emoji|STIX(NonUnicode|Size)|^cm\w+10$")


def save(alignment: Alignment, path: str | os.PathLike[str]) -> None:
    """Save the heatmap: source tokens on top, target tokens at the left, a colour bar at the side.

    The suffix of ``path`` chooses the format: PNG, or another that matplotlib knows. The same
    alignment gives the same bytes of PNG, on machines with the same matplotlib and fonts. The
    picture grows with the alignment, about 60 dots per token.

    Text is set in DejaVu Sans, which comes with matplotlib; characters it lacks are taken from
    the installed fonts that have them, and where none has, written as code points (U+4E00).
    Finding that out opens every installed font once. A mark that its letter's font lacks is a
    box, and matplotlib's warning about that one is not passed on.

    Raises MissingExtra without matplotlib, and UnknownName for a suffix it does not know.
    """
    path = Path(path)
    suffix = chosen(path, "picture.save")
    store(drawn(alignment), path, suffix)


def chosen(path: Path, who: str) -> str:
    """The format that the suffix of a path chooses.

    Raises MissingExtra, which names ``who`` draws, without matplotlib, and UnknownName for a suffix
    that it does not know.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise MissingExtra(
            f"{who} draws with matplotlib, which is missing: pip install 'regard[view]'"
        ) from error
    suffix, known = path.suffix.lower().lstrip("."), FigureCanvasAgg.get_supported_filetypes()
    if suffix not in known:
        raise UnknownName(f"{path.name!r} must end in one of {', '.join('.' + s for s in known)}")
    return suffix


def store(figure: "Figure", path: Path, suffix: str) -> None:
    """Write a figure whole, the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    picture = io.BytesIO()
    from matplotlib import rc_context

    # Text stays text, in whole fonts, which publishers ask for.
    with warnings.catch_warnings(), rc_context({"pdf.fonttype": 42, "ps.fonttype": 42}):
        # A letter and the mark on it must come from one font, which may have only one of them.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(
            picture,
            format=suffix,
            dpi=DOTS,
            facecolor="white",
            bbox_inches="tight",
            pad_inches=0.15,
            metadata=UNSTAMPED.get(suffix),
        )
    path.write_bytes(picture.getvalue())


def drawn(alignment: Alignment) -> "Figure":
    """The heatmap as a figure."""
    from matplotlib.figure import Figure

    source = [clip(visible(token), LONGEST_TOKEN) for token in alignment.source]
    target = [clip(visible(token), LONGEST_TOKEN) for token in alignment.target]
    title = printable(alignment.title)
    fonts, lacking = fonts_for("".join([*source, *target, title]))
    source, target = spelt(source, lacking), spelt(target, lacking)
    (title,) = spelt([title], lacking)

    rows, cols = max(len(target), 1), max(len(source), 1)
    cell = min(CELL, LARGEST / max(rows, cols))
    figure = Figure(figsize=(cell * cols, cell * rows), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    image = axes.imshow(
        alignment.weights if alignment.weights.size else np.full((rows, cols), np.nan),
        cmap=colormap(),
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0, cols, rows, 0),
    )
    axes.set_axis_off()
    axes.hlines(range(1, rows), 0, cols, color="white", linewidth=0.8)
    axes.vlines(range(1, cols), 0, rows, color="white", linewidth=0.8)
    size = 72 * cell * 0.5  # points: half the height of a cell
    style = {"family": fonts, "color": TEXT, "parse_math": False, "usetex": False}
    gap = 0.25
    slanted = any(columns(token) > 2 for token in source)
    for k, token in enumerate(source):
        place = (
            {"rotation": 45, "rotation_mode": "anchor", "ha": "left", "va": "baseline"}
            if slanted
            else {"ha": "center", "va": "bottom"}
        )
        axes.text(k + 0.6 if slanted else k + 0.5, -gap, token, size=size, **place, **style)
    for q, token in enumerate(target):
        axes.text(-gap, q + 0.5, token, va="center", ha="right", size=size, **style)
    if title:
        above = 1.2 + (0.24 * max(map(columns, source), default=0) if slanted else 0.0)
        axes.text(0, -above, title, va="bottom", ha="left", size=12, **style)
    bar = figure.add_axes((1 + 0.12 / (cell * cols), 0, 0.1 / (cell * cols), 1))
    figure.colorbar(image, cax=bar, ticks=[0, 1], drawedges=False).outline.set_visible(False)
    bar.tick_params(length=0, labelsize=9, labelcolor=TEXT, labelfontfamily="DejaVu Sans")
    return figure


def colormap() -> "Colormap":
    """The map of weights; what is no number is grey."""
    from matplotlib.colors import ListedColormap

    ramp = [colors.hexadecimal(colors.ramp(i / 255)) for i in range(256)]
    return ListedColormap(ramp, "regard").with_extremes(bad="#eceff2")


def spelt(tokens: Iterable[str], lacking: set[str]) -> list[str]:
    return ["".join(f"U+{ord(c):04X}" if c in lacking else c for c in token) for token in tokens]


def fonts_for(text: str) -> tuple[list[str], set[str]]:
    """Names of fonts that together have the characters of the text, and those no font has."""
    names: list[str] = []
    lacking = set(text)
    for name in _installed():
        if names and not lacking:
            break
        found = _covered(lacking, name)
        if found or not names:
            names.append(name)
        lacking -= found
    return names, lacking


def _installed() -> list[str]:
    """Names of the fonts that are there upright and regular, in the order of choice."""
    from matplotlib.font_manager import fontManager

    names = {
        font.name
        for font in fontManager.ttflist
        if (font.style, font.stretch) == ("normal", "normal")
        and font.weight in (400, "normal", "regular")
        and not UNFIT_FONT.search(font.name)
    }

    # DejaVu Sans comes with matplotlib, the scripts of Noto Sans look alike, and the order of
    # names chooses the same among the rest every time.
    def rank(name: str) -> tuple[bool, bool, str]:
        return name != "DejaVu Sans", not name.startswith("Noto Sans"), name

    return sorted(names, key=rank)


def _covered(characters: set[str], name: str) -> set[str]:
    """Those of the characters that the file matplotlib will open for this name has glyphs for."""
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    found: set[str] = set()
    with suppress(OSError, RuntimeError):  # a font file that cannot be read
        font = get_font(fontManager.findfont(FontProperties(family=[name])))
        found = {c for c in characters if font.get_char_index(ord(c))}
    return found
