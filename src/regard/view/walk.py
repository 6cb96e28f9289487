"""Windows that walk over an image, step by step: what was read, and what was drawn; as SVG.

    walk = Walk("a digit", canvases, image=image, reads=Frames(...), writes=Frames(...))
    svg(walk)         the image with the window that reads, the canvas with the one that writes
    sheet(rows)       many small images in rows

Each returns one ``<svg>`` element that stands alone as a file and fits into a page as it is.
``view.walk_terminal`` draws for a terminal, ``view.walk_picture`` saves a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from regard.errors import RangeError, ShapeError
from regard.view.characters import clip, columns, escape
from regard.view.png import data_uri
from regard.view.svg import document

PANEL, GAP, LINE = 96.0, 8.0, 18.0
"""CSS pixels: the longer side of an image, between images, and of a line of text."""

ACROSS = 8
"""Steps side by side."""

READ, WRITE = "#56B4E9", "#E69F00"
"""Of Okabe and Ito's set; both are seen on black and on white, and told apart by any eye."""

THINNEST, THICKEST = 1.0, 5.0
"""CSS pixels of a frame's line; between them it is half as thick as σ."""

FURTHEST = 1e4
"""Pixels: what is further off is not seen, and some programs cannot draw such numbers."""

LONGEST_NAME = 60


class Frames(NamedTuple):
    """Where a window of N×N filters stood in each of T steps.

    Attributes:
        x, y: of its middle, pixels: 1 is the middle of the first column or row.
        stride: between neighbouring filters, pixels.
        sigma: of each filter, pixels.
        size: N.
    """

    x: Float[np.ndarray, " T"]
    y: Float[np.ndarray, " T"]
    stride: Float[np.ndarray, " T"]
    sigma: Float[np.ndarray, " T"]
    size: int

    def box(self, step: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the grid, from its first filters' middle to its last's,
        in pixels from the image's corner; none is further off than ``FURTHEST``.

        >>> one = np.ones(1)
        >>> Frames(3 * one, 2 * one, 2 * one, one, size=3).box(0)  # filters at 1, 3, 5 and 0, 2, 4
        (0.5, -0.5, 4.5, 3.5)
        """
        reach = (self.size - 1) / 2 * float(self.stride[step])
        x, y = float(self.x[step]) - 0.5, float(self.y[step]) - 0.5
        edges = np.nan_to_num([x - reach, y - reach, x + reach, y + reach])
        left, top, right, bottom = edges.clip(-FURTHEST, FURTHEST).tolist()
        return left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Walk:
    """A drawing in T steps.

    Attributes:
        title: what is drawn.
        canvases: after each step, 0 (black) … 1 (white).
        image: what was read; None where nothing was.
        reads: the window that it was read with; None where there was none.
        writes: the window that was written with, likewise.

    Raises:
        ShapeError: sizes that do not fit together.
    """

    title: str
    canvases: Float[np.ndarray, "T H W"]
    image: Float[np.ndarray, "H W"] | None = None
    reads: Frames | None = None
    writes: Frames | None = None

    def __post_init__(self) -> None:
        shape = self.canvases.shape
        if self.canvases.ndim != 3 or not self.canvases.size:
            raise ShapeError(f"canvases must be (T, H, W); given {shape}")
        if self.image is not None and self.image.shape != shape[1:]:
            raise ShapeError(f"the image must be (H, W) = {shape[1:]}; given {self.image.shape}")
        for frames in (self.reads, self.writes):
            if frames is not None and any(part.shape != shape[:1] for part in frames[:4]):
                raise ShapeError(f"windows must be one for each of {shape[0]} steps")


def svg(walk: Walk) -> str:
    """Two rows: the image with the window that reads in each step, and below it the canvas that
    the step leaves, with the window that writes. Without an image, the canvases alone.

    A frame is the grid of filters, from the middle of the first to that of the last; the thicker
    its line, the wider the filters.
    """
    steps, high, wide = walk.canvases.shape
    scale = PANEL / max(high, wide)
    size = (wide * scale, high * scale)
    rows: list[tuple[str, list[str], Frames | None, str]] = []
    if walk.image is not None:
        rows.append(("reads", [data_uri(grey(walk.image))] * steps, walk.reads, READ))
    canvases = [data_uri(grey(canvas)) for canvas in walk.canvases]
    rows.append(("draws", canvases, walk.writes, WRITE))
    left, band = 48.0, len(rows) * (size[1] + GAP) + LINE + GAP
    top = LINE + 6
    parts = [_text(0, 14, clip(walk.title, LONGEST_NAME))]
    for step in range(steps):
        x = left + step % ACROSS * (size[0] + GAP)
        y = top + step // ACROSS * band
        parts.append(_text(x + size[0] / 2, y + 12, str(step + 1), "middle"))
        for row, (name, pictures, frames, ink) in enumerate(rows):
            at = y + LINE + row * (size[1] + GAP)
            if step % ACROSS == 0:
                parts.append(_text(0, at + size[1] / 2 + 4, name))
            frame = "" if frames is None else _frame(frames, step, scale, ink)
            parts.append(_panel(pictures[step], (x, at), size, frame))
    across = left + min(steps, ACROSS) * (size[0] + GAP)
    width = max(across, 8.0 * columns(clip(walk.title, LONGEST_NAME)))
    label = f"{walk.title}: drawn in {steps} steps"
    return document(width, top + -(-steps // ACROSS) * band, label, parts)


def sheet(
    rows: Sequence[tuple[str, Float[np.ndarray, "K H W"]]], *, across: int = 10, side: float = 56.0
) -> str:
    """Rows of small images, 0 (black) … 1 (white), each row with its name.

    Where there are more than ``across`` of them, all rows go on below.

    Raises RangeError where there is no image.
    """
    count = max((len(images) for _, images in rows), default=0)
    if not count:
        raise RangeError("a sheet has one image at least, and there is none")
    high, wide = rows[0][1].shape[1:]
    scale = side / max(high, wide)
    size, left = (wide * scale, high * scale), 8.0 * max(columns(name) for name, _ in rows) + 8
    step = (size[0] + 4, size[1] + 4)
    band = len(rows) * step[1] + (8 if len(rows) > 1 else 0)
    parts = []
    for row, (name, images) in enumerate(rows):
        for place, image in enumerate(images):
            x = left + place % across * step[0]
            y = place // across * band + row * step[1]
            if place % across == 0 and name:
                parts.append(_text(0, y + size[1] / 2 + 4, name))
            parts.append(_panel(data_uri(grey(image)), (x, y), size, ""))
    width = left + min(count, across) * step[0]
    label = f"{count} images: {', '.join(name for name, _ in rows if name)}".rstrip(": ")
    return document(width, -(-count // across) * band, label, parts)


def grey(image: Float[np.ndarray, "H W"]) -> np.ndarray:
    """0 … 1 as bytes ``(H, W, 1)``; NaN is black."""
    levels = np.nan_to_num(np.asarray(image, np.float64)).clip(0, 1)
    return (levels * 255).round().astype(np.uint8)[..., None]


def thickness(sigma: float, scale: float) -> float:
    """Of a frame's line where a pixel is ``scale`` CSS pixels wide."""
    return min(max(sigma * scale / 2, THINNEST), THICKEST)


def _frame(frames: Frames, step: int, scale: float, ink: str) -> str:
    left, top, right, bottom = (edge * scale for edge in frames.box(step))
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    sigma = float(frames.sigma[step])
    told = f"middle {float(frames.x[step]):.1f}, {float(frames.y[step]):.1f}; σ {sigma:.2f} pixels"
    return (
        f'<rect {place} fill="none" stroke="{ink}" stroke-opacity="0.9" '
        f'stroke-width="{thickness(sigma, scale):.1f}"><title>{told}</title></rect>'
    )


def _panel(uri: str, at: tuple[float, float], size: tuple[float, float], frame: str) -> str:
    # An <svg> within cuts off what is outside it, and needs no id to do so.
    return (
        f'<svg x="{at[0]:.1f}" y="{at[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}">'
        f'<image width="{size[0]:.1f}" height="{size[1]:.1f}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="{uri}"/>{frame}</svg>'
    )


def _text(x: float, y: float, content: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor" '
        f'font-family="system-ui, sans-serif" font-size="13">{escape(content)}</text>'
    )
