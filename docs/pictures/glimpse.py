"""A ring, and what three windows read of it: docs/nn/glimpse.md."""

import math

import torch
from torch import Tensor

from pictures import beside
from regard.nn import GaussianGlimpse

PIXELS, SIZE, CELL = 20, 6, 9.0
WINDOWS = {  # (g̃_X, g̃_Y, log σ², log δ̃, log γ)
    "the whole image": (0.0, 0.0, 0.5, math.log(0.85), 0.0),
    "a quarter of it": (0.4, -0.4, -1.0, math.log(0.4), 0.0),
    "one stroke, pixel by pixel": (-0.6, 0.15, -1.5, math.log(5 / 19), 0.0),
}


def draw() -> str:
    image = _ring()
    glimpse = GaussianGlimpse(1, height=PIXELS, width=PIXELS, size=SIZE)
    columns = []
    for title, numbers in WINDOWS.items():
        window = glimpse.window(torch.tensor(numbers))
        pixels = torch.arange(1.0, PIXELS + 1)
        centres = window.x_filters @ pixels, window.y_filters @ pixels
        patch = window.read(image)
        columns.append(
            beside(
                _squares(image, title, CELL, centres),
                _squares(patch, "read", PIXELS * CELL / SIZE / 2),
                _squares(window.write(patch), "and written back", CELL),
                columns=1,
            )
        )
    return beside(*columns)


def _ring() -> Tensor:
    """A ring with a gap, and a dot in it: dark on white, 0 … 1."""
    y, x = torch.meshgrid(*[torch.arange(PIXELS) - (PIXELS - 1) / 2] * 2, indexing="ij")
    radius = torch.sqrt(x**2 + y**2)
    ring = torch.exp(-((radius - 7) ** 2)) * ((x < 2) | (y > 0))
    return ring + torch.exp(-((x - 3) ** 2 + (y + 3) ** 2) / 2)


def _squares(
    image: Tensor, title: str, cell: float, centres: tuple[Tensor, Tensor] | None = None
) -> str:
    """An image in grey squares, with a mark at each filter's centre."""
    image = (image / max(float(image.max()), 1e-9)).clamp(0, 1)
    top, side = 22, cell * len(image)
    parts = [
        f'<text x="0" y="14" fill="currentColor" font-family="system-ui, sans-serif" '
        f'font-size="13">{title}</text>',
        f'<rect x="0.5" y="{top - 0.5}" width="{side:g}" height="{side:g}" fill="#fff" '
        'stroke="currentColor" stroke-opacity="0.3"/>',
    ]
    for row, line in enumerate(image.tolist()):
        for column, value in enumerate(line):
            grey = round(255 * (1 - value))
            if grey < 254:
                parts.append(
                    f'<rect x="{cell * column:g}" y="{top + cell * row:g}" width="{cell:g}" '
                    f'height="{cell:g}" fill="rgb({grey},{grey},{grey})"/>'
                )
    if centres is not None:
        parts.extend(
            f'<circle cx="{cell * (x - 0.5):.1f}" cy="{top + cell * (y - 0.5):.1f}" r="2.2" '
            'fill="#D55E00"/>'
            for x in centres[0].tolist()
            for y in centres[1].tolist()
        )
    size = f'width="{side + 1:g}" height="{top + side + 1:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join(parts) + "\n</svg>"
