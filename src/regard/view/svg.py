"""Drawings as SVG text: the heatmap of an alignment, and curves.

Each function returns one ``<svg>`` element that stands alone as a file and fits into a page as it
is. Text takes the colour of the page around it, so that dark pages work. No styles and no ids are
used: many drawings share a page without disturbing one another.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from regard.view import colors, ticks
from regard.view.alignment import Alignment
from regard.view.characters import clip, columns, escape, visible

CELL = 24.0  # all lengths are in CSS pixels
LETTER = 8.0  # one column of text in the 13 pixel monospace of tokens
LONGEST_TOKEN = 24  # columns; a longer token is cut, its tooltip has it whole
LONGEST_NAME = 40

WIDTH, HEIGHT = 640.0, 300.0  # of the area that curves are drawn in
MANY_POINTS = 25  # from here on points are not marked one by one
DASHES = ("none", "7 3", "2 3", "10 3 2 3", "5 2 1 2 1 2")

Point = tuple[float, float]


def heatmap(
    alignment: Alignment, *, axes: tuple[str, str] = ("source", "target"), amount: str = "weight"
) -> str:
    """The alignment as SVG: source tokens on top, target tokens at the left, a square per weight.

    ``axes`` are the words on top and at the left, ``amount`` that of the legend.
    Each square tells its weight when pointed at. A weight that is NaN is an empty dashed square.
    The text has about 150 bytes per weight. O(Q K).
    """
    source = [clip(visible(token), LONGEST_TOKEN) for token in alignment.source]
    target = [clip(visible(token), LONGEST_TOKEN) for token in alignment.target]
    slanted = any(columns(token) > 2 for token in source)
    left = LETTER * max(map(columns, target), default=0) + 34
    reach = 0.71 * LETTER * max(map(columns, source), default=0) + 14 if slanted else 18
    top = reach + (52 if alignment.title else 26)
    wide, high = CELL * len(source), CELL * len(target)

    parts = [_text(left, 16, alignment.title, size=15)] if alignment.title else []
    parts.append(_text(left, top - reach - 10, axes[0], size=12))
    parts.append(_text(12, top + high / 2, axes[1], "middle", size=12, turn=-90))
    for k, token in enumerate(source):
        x, y, whole = left + CELL * (k + 0.5), top - 7, visible(alignment.source[k])
        parts.append(
            _text(x + 4, y, token, mono=True, turn=-45, hint=whole)
            if slanted
            else _text(x, y, token, "middle", mono=True, hint=whole)
        )
    for q, token in enumerate(target):
        y, whole = top + CELL * (q + 0.5) + 4.5, visible(alignment.target[q])
        parts.append(_text(left - 8, y, token, "end", mono=True, hint=whole))
        parts.extend(_cell(alignment, q, k, left, top) for k in range(len(source)))
    parts.append(_legend(left, top + high + 14, amount))
    title_width = LETTER * columns(alignment.title)
    width = left + max(wide + (reach if slanted else 0), title_width, 200) + 8
    label = f"Attention of {len(target)} target tokens over {len(source)} source tokens"
    return document(width, top + high + 36, label, parts)


def curves(
    series: Mapping[str, Sequence[Point]], *, x_label: str, y_label: str, log_y: bool = False
) -> str:
    """Named series of points (x, y) as a chart of lines, one colour and one dash pattern each.

    Points stay in the order given. Left out are points with NaN or infinity, and with ``log_y``
    those not above zero; their neighbours are joined. A single point is a dot, and a series
    without points is named in the legend only. O(points).
    """
    kept = {name: _drawable(points, log_y) for name, points in series.items()}
    everything = [point for points in kept.values() for point in points]
    x_low, x_high = _range([x for x, _ in everything], log=False)
    y_low, y_high = _range([y for _, y in everything], log=log_y)
    x_ticks = ticks.linear(x_low, x_high, about=7)
    y_ticks = ticks.logarithmic(y_low, y_high) if log_y else ticks.linear(y_low, y_high)

    rows = _legend_rows(list(kept))
    left = 40 + 7.5 * max((len(ticks.label(y)) for y in y_ticks), default=0)
    top = 16 + 22.0 * len(rows)

    def across(x: float) -> float:
        return left + WIDTH * (x - x_low) / (x_high - x_low)

    def up(y: float) -> float:
        low, high, y = (math.log(v) if log_y else v for v in (y_low, y_high, y))
        return top + HEIGHT * (high - y) / (high - low)

    parts = []
    for y in y_ticks:
        parts.append(_line(left, up(y), left + WIDTH, up(y), opacity="0.15"))
        parts.append(_text(left - 8, up(y) + 4, ticks.label(y), "end", size=12))
    for x in x_ticks:
        parts.append(_line(across(x), top, across(x), top + HEIGHT, opacity="0.15"))
        parts.append(_text(across(x), top + HEIGHT + 18, ticks.label(x), "middle", size=12))
    parts.append(_line(left, top + HEIGHT, left + WIDTH, top + HEIGHT, opacity="0.6"))
    parts.append(_line(left, top, left, top + HEIGHT, opacity="0.6"))
    parts.append(_text(left + WIDTH / 2, top + HEIGHT + 40, x_label, "middle"))
    parts.append(_text(14, top + HEIGHT / 2, y_label, "middle", turn=-90))
    if not everything:
        parts.append(_text(left + WIDTH / 2, top + HEIGHT / 2, "no points", "middle"))
    for i, (name, points) in enumerate(kept.items()):
        places = [(across(x), up(y)) for x, y in points]
        parts.append(_curve(i, name, points, places))
    for line, row in enumerate(rows):
        parts.extend(_entry(i, name, left + offset, 14 + 22.0 * line) for i, name, offset in row)
    label = f"{y_label} over {x_label}: {', '.join(kept) or 'nothing'}"
    return document(left + WIDTH + 24, top + HEIGHT + 52, label, parts)


def _cell(alignment: Alignment, q: int, k: int, left: float, top: float) -> str:
    weight = float(alignment.weights[q, k])
    place = f'x="{left + CELL * k + 0.5:g}" y="{top + CELL * q + 0.5:g}"'
    source, target = visible(alignment.source[k]), visible(alignment.target[q])
    if math.isnan(weight):
        look = 'fill="none" stroke="currentColor" stroke-opacity="0.4" stroke-dasharray="2 2"'
        amount = "no value"
    else:
        look = f'fill="{colors.hexadecimal(colors.ramp(weight))}"'
        amount = f"{weight:.1%}"
    title = escape(f"target '{target}' looks at source '{source}': {amount}")
    size = f'width="{CELL - 1:g}" height="{CELL - 1:g}"'
    return f'<rect {place} {size} rx="2" {look}><title>{title}</title></rect>'


def _legend(x: float, y: float, amount: str) -> str:
    # Small squares, not a gradient: a gradient needs an id, and ids clash on a shared page.
    steps, size = 24, 5
    squares = "".join(
        f'<rect x="{x + 14 + size * i:g}" y="{y:g}" width="{size + 0.5}" height="10" '
        f'fill="{colors.hexadecimal(colors.ramp(i / (steps - 1)))}"/>'
        for i in range(steps)
    )
    end = x + 14 + size * steps
    words = _text(x, y + 9, "0", size=12) + _text(end + 6, y + 9, f"1 {amount}", size=12)
    return squares + words


def _drawable(points: Iterable[Point], log_y: bool) -> list[Point]:
    limit = 1e300  # beyond it the width of an axis is no longer a finite number
    lowest = 1 / limit if log_y else -limit
    found = [(float(x), float(y)) for x, y in points]
    return [(x, y) for x, y in found if abs(x) < limit and lowest < y < limit]


def _range(values: Sequence[float], *, log: bool) -> tuple[float, float]:
    if not values:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = min(values), max(values)
    if log:
        return (low, high) if high > low * 1.0001 else (low / 2, high * 2)
    if high - low > max(1e-300, 1e-9 * max(abs(low), abs(high))):
        return low, high
    room = abs(low) / 10 or 1.0
    return low - room, high + room


def _curve(i: int, name: str, points: Sequence[Point], places: Sequence[Point]) -> str:
    drawn = ""
    if len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn = f'<polyline points="{path}" {_stroke(i)} stroke-linejoin="round"/>'
    if len(places) <= MANY_POINTS:
        color = colors.SERIES[i % len(colors.SERIES)]
        drawn += "".join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}">'
            f"<title>{escape(f'{name}: {x:.6g}, {y:.6g}')}</title></circle>"
            for (x, y), (a, b) in zip(points, places, strict=True)
        )
    return f"<g><title>{escape(name)}</title>{drawn}</g>"


def _legend_rows(names: Sequence[str]) -> list[list[tuple[int, str, float]]]:
    """Rows of (number of the series, name, offset), each row no wider than the chart."""
    rows: list[list[tuple[int, str, float]]] = []
    used = math.inf
    for i, name in enumerate(names):
        size = 56 + 7.5 * columns(clip(name, LONGEST_NAME))
        if used + size > WIDTH:
            rows.append([])
            used = 0.0
        rows[-1].append((i, name, used))
        used += size
    return rows


def _entry(i: int, name: str, x: float, y: float) -> str:
    sample = f'<path d="M{x:g} {y - 4:g}h28" {_stroke(i)}/>'
    return sample + _text(x + 34, y, clip(name, LONGEST_NAME), hint=name)


def _stroke(i: int) -> str:
    color, dash = colors.SERIES[i % len(colors.SERIES)], DASHES[i % len(DASHES)]
    return f'fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"'


def _line(x1: float, y1: float, x2: float, y2: float, *, opacity: str) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="currentColor" stroke-opacity="{opacity}"/>'


def _text(
    x: float,
    y: float,
    content: str,
    anchor: str = "start",
    *,
    size: int = 13,
    mono: bool = False,
    turn: int = 0,
    hint: str = "",
) -> str:
    family = "ui-monospace, 'DejaVu Sans Mono', monospace" if mono else "system-ui, sans-serif"
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    title = f"<title>{escape(hint)}</title>" if hint else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor" '
        f'font-family="{family}" font-size="{size}"{turned}>{title}{escape(content)}</text>'
    )


def document(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    # Positions count from the left even where the page around it is written from the right.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} direction="ltr" role="img" '
        f'aria-label="{escape(label)}">\n' + "\n".join(parts) + "\n</svg>"
    )
