"""An image, and for each word where a model looked while it wrote it: SVG, and text."""

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from regard.errors import KindError, ShapeError
from regard.view import colors
from regard.view.alignment import numbers, tokens_of
from regard.view.characters import clip, columns, escape, printable, visible
from regard.view.png import data_uri
from regard.view.svg import document
from regard.view.terminal import PLAIN, SHADES, takes_color

PANEL, GAP, LINE = 128, 14, 20
"""Of a drawing: pixels of a panel's longer side, between panels, and of a line of text."""

ACROSS = 5
"""Panels in a row of a drawing."""

GLOW = (255, 176, 0)
"""The colour of a weight over an image: told from grey, black and white by any eye."""

MARK = "#D55E00"
LONGEST_WORD = 18


@dataclass(frozen=True, eq=False)
class Overlay:
    """Where a model looked in an image while it wrote.

    ``pixels`` is the image ``(H, W, C)``, 0 … 255, of 1 or 3 channels. ``words`` are the T words
    written; ``weights`` ``(T, R, C)`` are those of the places of a grid that covers the image
    evenly: row t of them shows how strongly each place was looked at for word t. What the weights
    may be is told at ``Alignment``.

    Raises ShapeError when the sizes do not fit, KindError for words that are not strings, weights
    that are not real numbers, or pixels that are not bytes.
    """

    pixels: UInt8[np.ndarray, "H W C"]
    words: tuple[str, ...]
    weights: NDArray[np.float64]
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tokens_of("words", self.words))
        object.__setattr__(self, "weights", numbers(self.weights))
        if self.pixels.dtype != np.uint8:
            raise KindError(f"an image's pixels are bytes, 0 … 255, not {self.pixels.dtype}")
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or not self.pixels.size:
            raise ShapeError(f"pixels are (H, W, 1) or (H, W, 3); given {self.pixels.shape}")
        shape = self.weights.shape
        if len(shape) != 3 or shape[0] != len(self.words) or 0 in shape[1:]:
            raise ShapeError(
                f"weights must be (T, R, C), one grid for each of {len(self.words)} words; given "
                f"{shape}"
            )

    def strongest(self, word: int) -> tuple[int, int] | None:
        """Row and column of the place that a word looked at most: the first of equals; None where
        no place has a number."""
        grid = self.weights[word]
        if np.isnan(grid).all():
            return None
        row, column = divmod(int(np.nanargmax(grid)), grid.shape[1])
        return row, column

    def centre(self, word: int) -> tuple[float, float] | None:
        """The middle of that place, in pixels: how far down and how far right."""
        place = self.strongest(word)
        if place is None:
            return None
        _, rows, across = self.weights.shape
        high, wide, _ = self.pixels.shape
        return (place[0] + 0.5) * high / rows, (place[1] + 0.5) * wide / across


def brightness(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """How bright each place is, 0 … 1 (NaN where its weight is): its weight in parts of the
    largest, or of four times the even share, where no weight is so large.

    So what a word looks at is seen in a grid of any size, and what it does not single out is not.
    """
    most = max(4 / max(grid.size, 1), 0.0 if np.isnan(grid).all() else float(np.nanmax(grid)))
    return (grid / most).clip(0, 1)


def glow(grid: NDArray[np.float64]) -> UInt8[np.ndarray, "R C 4"]:
    """A colour for each place, the less transparent the brighter: ¾ at most."""
    opacity = (np.nan_to_num(brightness(grid)) * 191).round().astype(np.uint8)
    return np.dstack([*(np.full_like(opacity, part) for part in GLOW), opacity])


def svg(overlay: Overlay) -> str:
    """The image, and a panel a word: the image with the weights over it, the place of the largest
    framed, and below it the word and that weight.

    A panel's brightness is told at ``brightness``; the number below is the weight itself.
    """
    high, wide, _ = overlay.pixels.shape
    scale = PANEL / max(high, wide)
    size = wide * scale, high * scale
    step = PANEL + GAP, size[1] + 2 * LINE + GAP
    picture = data_uri(overlay.pixels)
    parts = [_image(picture, 0, 0, size)]
    for t, word in enumerate(overlay.words):
        at = (t + 1) % ACROSS * step[0], (t + 1) // ACROSS * step[1]
        parts += [_image(picture, *at, size), _weights(overlay, t, at, size)]
        place, note = overlay.strongest(t), "no weight"
        if place is not None:
            note = f"{overlay.weights[t][place]:.0%}"
            parts.append(_frame(overlay.weights.shape[1:], place, at, size))
        parts += [_text(at[0], at[1] + size[1] + 15, word), _text(
            at[0], at[1] + size[1] + 15 + LINE - 4, note, opacity=0.6
        )]  # fmt: skip
    panels = len(overlay.words) + 1
    rows = math.ceil(panels / ACROSS)
    across = min(panels, ACROSS) * step[0] - GAP + 4
    label = overlay.title or " ".join(overlay.words)
    return document(across, rows * step[1] - GAP, f"where each word looked: {label}", parts)


def terminal(overlay: Overlay, *, width: int | None = None, color: bool | None = None) -> str:
    """A grid of shades a word, side by side: ` ░▒▓█` by ``brightness``, or with ``color`` a
    background from viridis; above it the word and its largest weight.

    ``width`` None asks the terminal; ``color`` None colours if standard output is a terminal and
    NO_COLOR is not set.
    """
    width = shutil.get_terminal_size().columns if width is None else width
    color = takes_color() if color is None else color
    panels = [_panel(overlay, t, color) for t in range(len(overlay.words))]
    wide = max(2 * overlay.weights.shape[2] + 2, LONGEST_WORD + 6) + 2
    each = max(1, (width + 2) // wide)
    lines = [printable(overlay.title)] if overlay.title else []
    for first in range(0, len(panels), each):
        for row in zip(*panels[first : first + each], strict=True):
            padded = [text + " " * (wide - size) for text, size in row]
            lines.append("".join(padded).rstrip())
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _panel(overlay: Overlay, t: int, color: bool) -> list[tuple[str, int]]:
    """The lines of a word, each with the columns that it takes."""
    grid, place = overlay.weights[t], overlay.strongest(t)
    most = 0.0 if place is None else float(grid[place])
    word = clip(visible(overlay.words[t]), LONGEST_WORD)
    head = f"{word} {most:.0%}"
    edge = "─" * (2 * grid.shape[1])
    lines = [(head, columns(head)), (f"┌{edge}┐", len(edge) + 2)]
    for row in brightness(grid).tolist():
        cells = "".join(_cell(share, color) for share in row)
        lines.append((f"│{cells}{PLAIN if color else ''}│", len(edge) + 2))
    return [*lines, (f"└{edge}┘", len(edge) + 2)]


def _cell(share: float, color: bool) -> str:
    if math.isnan(share):
        return (PLAIN if color else "") + "??"
    if not color:
        return SHADES[round(min(max(share, 0.0), 1.0) * (len(SHADES) - 1))] * 2
    shade = colors.ramp(share)
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return "\x1b[48;2;{};{};{}m  ".format(*shade)
    return f"\x1b[48;5;{colors.palette_index(shade)}m  "


def _image(uri: str, x: float, y: float, size: tuple[float, float]) -> str:
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{uri}"/>'
    )


def _weights(overlay: Overlay, t: int, at: tuple[float, float], size: tuple[float, float]) -> str:
    return _image(data_uri(glow(overlay.weights[t])), *at, size)


def _frame(
    shape: Sequence[int], place: tuple[int, int], at: tuple[float, float], size: tuple[float, float]
) -> str:
    wide, high = size[0] / shape[1], size[1] / shape[0]
    x, y = at[0] + place[1] * wide, at[1] + place[0] * high
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="none" '
        f'stroke="{MARK}" stroke-width="2"/>'
    )


def _text(x: float, y: float, content: str, *, opacity: float = 1.0) -> str:
    shown = escape(clip(content, LONGEST_WORD))
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor" fill-opacity="{opacity:g}" '
        f'font-family="system-ui, sans-serif" font-size="13">{shown}</text>'
    )
