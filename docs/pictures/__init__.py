"""The pictures of the pages, each made by running what it shows.

A file of this folder draws one picture: its ``draw()`` gives the SVG of ``docs/images/STEM.svg``.

Run:    python docs/pictures            all of them
        python docs/pictures dot cosine   some
"""

import importlib
import re
from pathlib import Path

import torch

FOLDER = Path(__file__).parent
IMAGES = FOLDER.parent / "images"
MARGIN = 12
GAP = 24
INK, PAPER = "#1f2328", "#ffffff"

SIZE = re.compile(r'<svg [^>]*?\bwidth="([\d.]+)" height="([\d.]+)"')


def names() -> list[str]:
    """The stems of all pictures."""
    return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def drawn(name: str) -> str:
    """The picture of that name, as its file holds it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are then the same on machines with other numbers of cores
    try:
        return on_paper(importlib.import_module(f"pictures.{name}").draw())
    finally:
        torch.set_num_threads(threads)


def on_paper(drawing: str) -> str:
    """The drawing on a sheet of its own.

    A picture that a page loads does not know the colours of that page: ``currentColor`` is black
    in it, which no dark page shows. The sheet is white on both.
    """
    width, height = (length + 2 * MARGIN for length in _size(drawing))
    sheet = f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{PAPER}"/>'
    placed = _placed(drawing, MARGIN, MARGIN)
    return _svg(width, height, f' color="{INK}"', [sheet, placed])


def beside(*drawings: str, columns: int = 3) -> str:
    """Several drawings as one, in rows of ``columns``.

    >>> small = '<svg width="10" height="20"></svg>'
    >>> beside(small, small, small, columns=2).splitlines()[0]
    '<svg xmlns="http://www.w3.org/2000/svg" width="44" height="64" viewBox="0 0 44 64">'
    """
    sizes = [_size(drawing) for drawing in drawings]
    widths = [max(width for width, _ in sizes[i::columns]) for i in range(min(columns, len(sizes)))]
    heights = [
        max(height for _, height in sizes[i : i + columns]) for i in range(0, len(sizes), columns)
    ]
    placed = []
    for i, drawing in enumerate(drawings):
        row, column = divmod(i, columns)
        across = sum(widths[:column]) + GAP * column
        placed.append(_placed(drawing, across, sum(heights[:row]) + GAP * row))
    width = sum(widths) + GAP * (len(widths) - 1)
    return _svg(width, sum(heights) + GAP * (len(heights) - 1), "", placed)


def _size(drawing: str) -> tuple[float, float]:
    found = SIZE.search(drawing)
    if not found:
        raise ValueError('a drawing begins with <svg … width="…" height="…">')
    return float(found[1]), float(found[2])


def _placed(drawing: str, x: float, y: float) -> str:
    return drawing.strip().replace("<svg ", f'<svg x="{x:g}" y="{y:g}" ', 1)


def _svg(width: float, height: float, more: str, parts: list[str]) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size}{more}>'
    return "\n".join([opening, *parts, "</svg>"]) + "\n"
