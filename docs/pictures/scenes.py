"""Six scenes of the test part, their captions, and the box of each digit: docs/data/scenes.md."""

from itertools import groupby

import numpy as np

from pictures import beside
from regard.data.captioned import Captioned
from regard.data.scenes import Scenes

SCALE, LINE = 3, 18
LEVELS = 15
"""Greys that a picture has: with all 255 the file would be twice as large."""

COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")


def draw() -> str:
    part = Scenes.of("test", seed=0, count=6)
    return beside(*(_scene(example) for example in part), columns=3)


def _scene(example: Captioned) -> str:
    pixels = example.image.pixels[..., 0]
    side = SCALE * len(pixels)
    drawn = [f'<rect width="{side}" height="{side}"/>', *_pixels(pixels)]
    boxes = list(dict.fromkeys(box for box in example.boxes if box))
    for color, box in zip(COLORS, boxes, strict=False):
        drawn.append(
            f'<rect x="{SCALE * box.left}" y="{SCALE * box.top}" '
            f'width="{SCALE * (box.right - box.left)}" height="{SCALE * (box.bottom - box.top)}" '
            f'fill="none" stroke="{color}" stroke-width="1.5"/>'
        )
    # A line for each digit: it ends with the word that names it.
    lines, words = [], []
    for word, box, after in zip(
        example.caption.split(), example.boxes, [*example.boxes[1:], None], strict=True
    ):
        words.append(word)
        if box and not after:
            lines.append(" ".join(words))
            words = []
    for i, (color, line) in enumerate(zip(COLORS, lines, strict=False)):
        drawn.append(
            f'<text y="{side + LINE * (i + 1)}" font-family="sans-serif" font-size="14" '
            f'fill="{color}">{line}</text>'
        )
    size = f'width="{side}" height="{side + LINE * 4 + 6}"'
    return "\n".join([f"<svg {size}>", *drawn, "</svg>"])


def _pixels(pixels: np.ndarray) -> list[str]:
    """A path for each grey, of the runs that have it."""
    runs: dict[int, list[str]] = {}
    for y, row in enumerate(np.round(pixels * (LEVELS / 255)).astype(int).tolist()):
        for level, run in groupby(enumerate(row), key=lambda place: place[1]):
            places = [x for x, _ in run]
            if level:
                x, wide = SCALE * places[0], SCALE * len(places)
                runs.setdefault(level, []).append(f"M{x} {SCALE * y}h{wide}v{SCALE}h-{wide}z")
    paths = []
    for level, shapes in sorted(runs.items()):
        grey = f"{round(level * 255 / LEVELS):02x}"
        paths.append(f'<path fill="#{3 * grey}" d="{"".join(shapes)}"/>')
    return paths
