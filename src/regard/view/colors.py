"""Colours that stay apart for colour-blind eyes: one ramp for weights, one set for curves."""

import math

RGB = tuple[int, int, int]

# Nine stops of viridis: lightness rises evenly, so the ramp also reads in shades of grey.
STOPS: tuple[RGB, ...] = (
    (68, 1, 84),
    (71, 45, 123),
    (59, 82, 139),
    (44, 114, 142),
    (33, 145, 140),
    (40, 174, 128),
    (94, 201, 98),
    (173, 220, 48),
    (253, 231, 37),
)

# Okabe and Ito's set without its yellow, too pale on paper; black becomes the colour of the text.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "currentColor")


def ramp(weight: float) -> RGB:
    """The colour of a weight as red, green, blue in 0..255; outside 0..1 the nearer end.

    Raises ValueError for NaN, which has no place on the ramp.

    >>> ramp(0.0), ramp(1.0)
    ((68, 1, 84), (253, 231, 37))
    """
    position = min(max(weight, 0.0), 1.0) * (len(STOPS) - 1)
    below = min(math.floor(position), len(STOPS) - 2)
    part = position - below
    red, green, blue = (
        round(low + part * (high - low))
        for low, high in zip(STOPS[below], STOPS[below + 1], strict=True)
    )
    return red, green, blue


def hexadecimal(color: RGB) -> str:
    """The colour as CSS and SVG write it.

    >>> hexadecimal((68, 1, 84))
    '#440154'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)


def palette_index(color: RGB) -> int:
    """The nearest colour in the 6x6x6 cube of a 256-colour terminal, 16..231."""
    levels = (0, 95, 135, 175, 215, 255)
    red, green, blue = (min(range(6), key=lambda i: abs(levels[i] - part)) for part in color)
    return 16 + 36 * red + 6 * green + blue
