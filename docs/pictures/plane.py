"""Words in the plane of eating and drinking, food and drinks: docs/tutorials/plane.md.

The pictures of the scores are made of the same words.
"""

import numpy as np
import torch

import regard
from regard.normalizers import Normalizer
from regard.scores import AnyScore
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = {  # (eating − … drinking +, food − … drinks +)
    "eat": (-3.0, 0.0),
    "bread": (-1.0, -2.0),
    "soup": (0.0, 1.0),
    "water": (1.0, 1.0),
    "juice": (0.0, 3.0),
    "sip": (2.0, 0.0),
    "drink": (3.0, 0.0),
}
CONTEXTS = ("I sip juice", "I eat bread", "I eat soup", "I drink soup", "juice with bread")
QUERY = "I drink water with fine"

UNIT, LEFT, RIGHT, DOWN, UP = 70, -5.0, 5.5, -2.6, 3.6
BLUE, RED = "#0072B2", "#D55E00"


def embedded(sentence: str) -> np.ndarray:
    """The sum of the vectors of its words; a word that is not in the plane adds nothing.

    >>> embedded("I drink water with fine")
    array([4., 1.])
    """
    return np.sum([WORDS.get(word, (0.0, 0.0)) for word in sentence.split()], axis=0)


def vectors() -> torch.Tensor:
    """All words, ``(K, 2)``."""
    return torch.tensor(list(WORDS.values()))


def looks(
    score: AnyScore | str,
    title: str,
    *,
    query: torch.Tensor | None = None,
    key: torch.Tensor | None = None,
    normalizer: Normalizer | str = "softmax",
) -> str:
    """Which words each word looks at, as a heatmap; query and key are all words unless given."""
    query = vectors() if query is None else query
    key = vectors() if key is None else key
    weights = regard.weights(query, key, score=score, normalizer=normalizer)
    return svg.heatmap(
        Alignment(tuple(WORDS), tuple(WORDS), weights, title=title), axes=("key", "query")
    )


def draw() -> str:
    """The contexts and the query as arrows from the origin."""
    width, height = UNIT * (RIGHT - LEFT), UNIT * (UP - DOWN)
    x, y = _place((0, 0))
    parts = [
        _line((0, y), (width, y), "currentColor", 0.3),
        _line((x, 0), (x, height), "currentColor", 0.3),
        _text(8, y - 8, "eating"),
        _text(width - 8, y - 8, "drinking", "end"),
        _text(x + 8, height - 8, "food"),
        _text(x + 8, 16, "drinks"),
    ]
    for sentence in (*CONTEXTS, QUERY):
        tip, color = embedded(sentence), RED if sentence == QUERY else BLUE
        at = _place(tip)
        parts.append(_line((x, y), at, color, 1, width=2.5 if color == RED else 1.5))
        parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4" fill="{color}"/>')
        above = 20 if tip[1] < 0 else -28 if sentence == QUERY else -10
        label = f"{sentence} ({tip[0]:g}, {tip[1]:g})".replace("-", "−")
        parts.append(_text(at[0], at[1] + above, label, "middle", color))
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    words = 'role="img" aria-label="Five contexts and a query in the plane"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} direction="ltr" {words}>'
    return "\n".join([opening, *parts, "</svg>"])


def _place(point: tuple[float, float] | np.ndarray) -> tuple[float, float]:
    return UNIT * (float(point[0]) - LEFT), UNIT * (UP - float(point[1]))


def _line(
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    opacity: float,
    *,
    width: float = 1,
) -> str:
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-opacity="{opacity:g}" stroke-width="{width:g}"/>'


def _text(
    x: float, y: float, words: str, anchor: str = "start", color: str = "currentColor"
) -> str:
    look = f'fill="{color}" font-family="system-ui, sans-serif" font-size="13"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}>{words}</text>'
