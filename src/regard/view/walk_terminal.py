"""A drawing step by step, in a terminal: two pixels to a character, one above the other."""

import os
import shutil

import numpy as np
from jaxtyping import Float

from regard.view.characters import printable
from regard.view.terminal import PLAIN, takes_color
from regard.view.walk import Walk

HALVES = " ▄▀█"
"""Neither pixel is white, the lower, the upper, both."""

FIRST_GREY, GREYS = 232, 24
"""Of a terminal's 256 colours."""


def terminal(walk: Walk, *, width: int | None = None, color: bool | None = None) -> str:
    """The image, and the canvas after each step, side by side; above each canvas where it was read
    and where it was written, column and row of the window's middle.

    Without ``color`` a pixel is white from ½ on. ``width`` and ``color`` None ask the terminal, as
    in ``terminal.alignment``.

    >>> canvases = np.array([[[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]])
    >>> print(terminal(Walk("a corner", canvases), width=40, color=False))
    a corner
    1
    │ ▀█│
    """
    width = shutil.get_terminal_size().columns if width is None else width
    color = takes_color() if color is None else color
    wide = max(walk.canvases.shape[2] + 2, 16)
    panels = [] if walk.image is None else [_panel("image", walk.image, wide, color)]
    for step, canvas in enumerate(walk.canvases):
        head = f"{step + 1}"
        for name, frames in (("read", walk.reads), ("write", walk.writes)):
            if frames is not None:
                head += f" {name} {frames.x[step]:.0f},{frames.y[step]:.0f}"
        panels.append(_panel(head, canvas, wide, color))
    across = max(1, (width + 1) // (wide + 1))
    lines = [printable(walk.title)] if walk.title else []
    for first in range(0, len(panels), across):
        rows = zip(*panels[first : first + across], strict=True)
        lines += [" ".join(row).rstrip() for row in rows]
    return "\n".join(lines)


def _panel(head: str, image: Float[np.ndarray, "H W"], wide: int, color: bool) -> list[str]:
    """Lines of ``wide`` columns each."""
    levels = np.nan_to_num(np.asarray(image, np.float64)).clip(0, 1)
    if len(levels) % 2:
        levels = np.vstack([levels, np.zeros(levels.shape[1])])
    pairs = zip(levels[::2].tolist(), levels[1::2].tolist(), strict=True)
    space = " " * (wide - levels.shape[1] - 2)
    lines = [head[:wide].ljust(wide)]
    for upper, lower in pairs:
        cells = "".join(_cell(*pair, color) for pair in zip(upper, lower, strict=True))
        lines.append(f"│{cells}{PLAIN if color else ''}│{space}")
    return lines


def _cell(upper: float, lower: float, color: bool) -> str:
    if not color:
        return HALVES[2 * (upper >= 0.5) + (lower >= 0.5)]
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        ink, paper = (f"2;{g};{g};{g}" for g in (round(255 * upper), round(255 * lower)))
    else:
        ink, paper = (f"5;{FIRST_GREY + round((GREYS - 1) * g)}" for g in (upper, lower))
    return f"\x1b[38;{ink};48;{paper}m▀"
