"""A drawing step by step as a picture file: .svg as it is, .png and others by matplotlib.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import math
import os
from pathlib import Path

from regard.view.characters import clip, printable
from regard.view.picture import TEXT, chosen, fonts_for, spelt, store
from regard.view.walk import ACROSS, LONGEST_NAME, READ, WRITE, Walk, svg, thickness

SIDE, ABOVE = 1.1, 0.45  # inches of an image's longer side, and of the title


def save(walk: Walk, path: str | os.PathLike[str]) -> None:
    """Save the steps: what is read in each, and below it what is drawn.

    The suffix of ``path`` chooses the format: .svg is written as ``walk.svg`` draws it, .png and
    others by matplotlib.

    Raises MissingExtra without matplotlib (not for .svg), and UnknownName for a suffix that it does
    not know.
    """
    path = Path(path)
    if path.suffix.lower() == ".svg":
        path.write_text(svg(walk), encoding="utf-8")
        return
    suffix = chosen(path, "walk_picture.save")
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    steps, high, wide = walk.canvases.shape
    kinds = [(walk.canvases, walk.writes, WRITE)]
    if walk.image is not None:
        kinds.insert(0, ([walk.image] * steps, walk.reads, READ))
    across, rows = min(steps, ACROSS), math.ceil(steps / ACROSS) * len(kinds)
    size = SIDE * wide / max(high, wide), SIDE * high / max(high, wide)
    height = rows * size[1] + ABOVE
    figure = Figure(figsize=(across * size[0], height), facecolor="white")
    edges = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 1 - ABOVE / height}
    grid = figure.subplots(
        rows, across, squeeze=False, gridspec_kw=edges | {"wspace": 0.06, "hspace": 0.06}
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for step in range(steps):
        for kind, (images, frames, ink) in enumerate(kinds):
            axes = grid[step // ACROSS * len(kinds) + kind][step % ACROSS]
            axes.imshow(
                images[step], cmap="gray", vmin=0, vmax=1, extent=(0, wide, high, 0),
                interpolation="nearest",
            )  # fmt: skip
            if frames is None:
                continue
            left, top, right, bottom = frames.box(step)
            line = thickness(float(frames.sigma[step]), 72 * SIDE / max(high, wide))
            box = ((left, top), right - left, bottom - top)
            axes.add_patch(Rectangle(*box, fill=False, edgecolor=ink, linewidth=line))
            axes.set(xlim=(0, wide), ylim=(high, 0))
    title = clip(printable(walk.title), LONGEST_NAME)
    fonts, lacking = fonts_for(title)
    style = {"family": fonts, "color": TEXT, "parse_math": False, "usetex": False}
    figure.suptitle(spelt([title], lacking)[0], fontsize=10, **style)
    store(figure, path, suffix)
