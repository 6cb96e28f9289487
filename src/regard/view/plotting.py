"""Weights as a figure of matplotlib, for papers: one heatmap, or one for each layer and head.

matplotlib is an extra, imported by the first call and without pyplot: no window, no global state.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import KindError, RangeError
from regard.view.alignment import Alignment
from regard.view.attended import Attended
from regard.view.characters import clip, printable, visible
from regard.view.picture import TEXT, chosen, colormap, drawn, fonts_for, spelt, store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 1.6
"""Inches of a heatmap's longer side, where there are several."""

MANY = 24
"""Tokens of a side from which on they are not named, where there are several heatmaps."""

LONGEST = 12  # columns of a token


def plot(
    what: Alignment | Attended,
    path: str | os.PathLike[str] | None = None,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> "Figure":
    """A figure of the weights, on the same map of colours from 0 to 1, or to their largest.

    Of an ``Alignment``, or an ``Attended`` of one layer and head, it is one heatmap with all its
    tokens; else layers stand below one another and heads side by side, with one bar of colours.

    Args:
        what: the weights.
        path: a file to write too: .pdf and .svg for papers (their text stays text), .png and what
            else matplotlib writes.
        layers, heads: their numbers; None: all.

    Returns:
        The figure: ``figure.axes`` and ``figure.savefig`` are matplotlib's.

    Raises:
        MissingExtra: matplotlib is missing.
        UnknownName: a file's ending that it does not know.
        RangeError: a layer or a head that there is not.
        KindError: something else than weights with their tokens.
    """
    if not isinstance(what, Alignment | Attended):
        raise KindError(f"plot draws an Alignment or an Attended, not a {type(what).__name__}")
    suffix = chosen(Path("figure.png" if path is None else path), "plot")
    if isinstance(what, Alignment):
        figure = drawn(what)
    else:
        rows = _numbers("layer", layers, what.shape[0])
        columns = _numbers("head", heads, what.shape[1])
        one = len(rows) == len(columns) == 1
        figure = drawn(what.alignment(rows[0], columns[0])) if one else _grid(what, rows, columns)
    if path is not None:
        store(figure, Path(path), suffix)
    return figure


def _numbers(name: str, given: Sequence[int] | None, count: int) -> list[int]:
    found = list(range(count) if given is None else given)
    for number in found:
        if not 0 <= number < count:
            raise RangeError(f"{name} {number} is asked for, and there are {count}, from 0")
    if not found:
        raise RangeError(f"one {name} at least is asked for, and there are {count}, from 0")
    return found


def _grid(seen: Attended, layers: list[int], heads: list[int]) -> "Figure":
    from matplotlib.figure import Figure

    _, _, queries, keys = seen.shape
    inch = SIDE / max(queries, keys)
    wide, high = max(inch * keys, 0.5), max(inch * queries, 0.5)
    names = [clip(visible(token.strip() or token), LONGEST) for token in seen.source + seen.target]
    fonts, lacking = fonts_for("".join([*names, printable(seen.title), *seen.layers, *seen.heads]))
    names = spelt(names, lacking)
    style: dict[str, Any] = {"family": fonts, "color": TEXT, "parse_math": False}
    size = max(4.0, min(8.0, 72 * inch * 0.7))
    figure = Figure(
        figsize=(len(heads) * (wide + 0.25) + 1.2, len(layers) * (high + 0.35) + 0.8),
        facecolor="white",
        layout="constrained",
    )
    grid = figure.subplots(len(layers), len(heads), squeeze=False)
    most = max(1e-9, *(float(seen.alignment(a, b).weights.max()) for a in layers for b in heads))
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            axes = grid[row][column]
            axes.imshow(
                seen.alignment(layer, head).weights,
                cmap=colormap(),
                vmin=0,
                vmax=most,
                aspect="auto",
                interpolation="nearest",
            )
            axes.set_xticks(range(keys) if row == len(layers) - 1 and keys < MANY else [])
            axes.set_yticks(range(queries) if not column and queries < MANY else [])
            if axes.get_xticks().size:
                axes.set_xticklabels(names[:keys], rotation=90, size=size, **style)
            if axes.get_yticks().size:
                axes.set_yticklabels(names[keys:], size=size, **style)
            axes.tick_params(length=0)
            if not row:
                axes.set_title(spelt([seen.heads[head]], lacking)[0], size=8, **style)
            if not column:
                axes.set_ylabel(spelt([seen.layers[layer]], lacking)[0], size=8, **style)
    bar = figure.colorbar(grid[0][0].images[0], ax=grid, shrink=0.6, aspect=30, ticks=[0, most])
    bar.ax.set_yticklabels(["0", f"{most:.2g}"])
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=TEXT)
    if seen.title:
        figure.suptitle(spelt([printable(seen.title)], lacking)[0], fontsize=10, **style)
    return figure
