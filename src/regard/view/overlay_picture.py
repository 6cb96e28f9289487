"""An overlay as a picture file: .svg as it is, .png and others by matplotlib.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import math
import os
from pathlib import Path

from regard.view.characters import clip, printable, visible
from regard.view.overlay import ACROSS, LONGEST_WORD, MARK, Overlay, glow, svg
from regard.view.picture import TEXT, chosen, fonts_for, spelt, store

SIDE, BELOW = 1.5, 0.5  # inches of a panel, and of the words below it


def save(overlay: Overlay, path: str | os.PathLike[str]) -> None:
    """Save the image and its panels, one a word.

    The suffix of ``path`` chooses the format: .svg is written as ``overlay.svg`` draws it, .png and
    others by matplotlib.

    Raises MissingExtra without matplotlib (not for .svg), and UnknownName for a suffix that it does
    not know.
    """
    path = Path(path)
    if path.suffix.lower() == ".svg":
        path.write_text(svg(overlay), encoding="utf-8")
        return
    suffix = chosen(path, "overlay_picture.save")
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    words = [clip(visible(word), LONGEST_WORD) for word in overlay.words]
    title = printable(overlay.title)
    fonts, lacking = fonts_for("".join([title, *words]))
    style = {"family": fonts, "color": TEXT, "parse_math": False, "usetex": False}
    panels, (high, wide, _) = len(words) + 1, overlay.pixels.shape
    across, rows = min(panels, ACROSS), math.ceil(panels / ACROSS)
    figure = Figure(
        figsize=(across * (SIDE + 0.1), rows * (SIDE * high / max(high, wide) + BELOW)),
        facecolor="white",
    )
    places = {"extent": (0, wide, high, 0), "interpolation": "nearest"}
    for panel, axes in enumerate(figure.subplots(rows, across, squeeze=False).flat):
        axes.set_axis_off()
        if panel >= panels:
            continue
        pixels = overlay.pixels.repeat(3, 2) if overlay.pixels.shape[2] == 1 else overlay.pixels
        axes.imshow(pixels, **places)
        if not panel:
            continue
        axes.imshow(glow(overlay.weights[panel - 1]), **places)
        found, note = overlay.strongest(panel - 1), ""
        if found is not None:
            _, down, right = overlay.weights.shape
            cell = wide / right, high / down
            corner = found[1] * cell[0], found[0] * cell[1]
            axes.add_patch(Rectangle(corner, *cell, fill=False, edgecolor=MARK, linewidth=1.5))
            note = f"  {overlay.weights[panel - 1][found]:.0%}"
        text = spelt([words[panel - 1]], lacking)[0] + note
        axes.set_title(text, fontsize=9, y=-0.16, **style)
    if title:
        figure.suptitle(spelt([title], lacking)[0], fontsize=10, **style)
    store(figure, path, suffix)
