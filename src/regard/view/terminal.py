"""The heatmap of an alignment as text for a terminal.

Tokens come from data, so they are never written raw: a control character in one of them would
otherwise be obeyed by the terminal.
"""

import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from regard.view import colors
from regard.view.alignment import Alignment
from regard.view.characters import (
    clip,
    columns,
    graphemes,
    is_right_to_left,
    printable,
    visible,
)

SHADES = " ░▒▓█"
LONGEST_TOKEN = 16  # columns; a longer token is cut, with … at its end
NO_VALUE = "?"  # a weight that is NaN

PLAIN = "\x1b[0m"  # ends a background colour
LEFT_TO_RIGHT, END = "\u202d", "\u202c"  # override the direction of every character between
ISOLATE, END_ISOLATE = "\u2068", "\u2069"  # give a word back its own direction


def alignment(alignment: Alignment, *, width: int | None = None, color: bool | None = None) -> str:
    """The alignment as lines of text: one column per source token, one line per target token.

    A cell is one of the shades ` ░▒▓█` (0, ¼, ½, ¾, 1), or with ``color`` a viridis background.
    To the right stands the source token that the line looked at most, and its weight. Source
    tokens stand across the top, and downwards as soon as one of them is longer than a character.
    Columns that do not fit into ``width`` go into further bands below, each line's note in the
    band that holds its strongest token; a band has at least one column, however narrow the width.

    ``width`` None asks the terminal; ``color`` None colours if standard output is a terminal and
    NO_COLOR is not set. Lines with right-to-left characters carry direction marks, so that
    columns stay in place in terminals that reorder text. O(Q K).

    >>> weights = [[0.1, 0.9, 0.0], [0.5, 0.0, 0.5]]
    >>> print(alignment(Alignment("5 m", "05", weights), width=80, color=False))
      │5␣m│
    0 │ █ │ ␣  90%
    5 │▒ ▒│ 5  50%
    """
    width = shutil.get_terminal_size().columns if width is None else width
    color = takes_color() if color is None else color
    source = [clip(visible(token), LONGEST_TOKEN) for token in alignment.source]
    target = [clip(visible(token), LONGEST_TOKEN) for token in alignment.target]
    stacks = [list(graphemes(token)) for token in source]
    # Letters of neighbouring words would run together: a stack keeps one column free.
    gap = 1 if any(len(stack) > 1 for stack in stacks) else 0
    cells = [gap + max(map(columns, stack)) for stack in stacks]
    left = max(map(columns, target), default=0)
    right = max(map(columns, source), default=0)

    bands = []
    for band in _bands(cells, room=width - left - right - len(" ││  100%")):
        lines = [
            _in_order(f"{'':{left}} │{line}│")
            for line in _header([stacks[k] for k in band], [cells[k] for k in band])
        ]
        for q, token in enumerate(target):
            row = "".join(_cell(alignment.weights[q, k], cells[k], color) for k in band)
            row += PLAIN if color else ""
            best, note = alignment.strongest(q), ""
            if best is not None and best in band:
                percent = 100 * alignment.weights[q, best]
                note = f" {_padded(source[best], right)} {percent:3.0f}%"
            lines.append(_in_order(f"{_padded(token, left)} │{row}│{note}"))
        bands.append("\n".join(lines))
    title = printable(alignment.title) + "\n" if alignment.title else ""
    return title + "\n\n".join(bands)


def _bands(cells: Sequence[int], room: int) -> Iterator[range]:
    start = used = 0
    for k, cell in enumerate(cells):
        if k > start and used + cell > room:
            yield range(start, k)
            start, used = k, 0
        used += cell
    yield range(start, len(cells))


def _header(stacks: Sequence[Sequence[str]], cells: Sequence[int]) -> Iterator[str]:
    height = max(map(len, stacks), default=0)
    for line in range(height):
        letters = [stack[i] if (i := line - height + len(stack)) >= 0 else "" for stack in stacks]
        yield "".join(_padded(x, cell) for x, cell in zip(letters, cells, strict=True))


def _cell(weight: float, size: int, color: bool) -> str:
    if math.isnan(weight):
        return (PLAIN if color else "") + NO_VALUE * size
    if not color:
        return SHADES[round(min(max(weight, 0.0), 1.0) * (len(SHADES) - 1))] * size
    shade = colors.ramp(weight)
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return "\x1b[48;2;{};{};{}m".format(*shade) + " " * size
    return f"\x1b[48;5;{colors.palette_index(shade)}m{'':{size}}"


def _padded(token: str, size: int) -> str:
    spaces = " " * (size - columns(token))
    if len(token) > 1 and is_right_to_left(token):
        token = ISOLATE + token + END_ISOLATE
    return token + spaces


def _in_order(line: str) -> str:
    return LEFT_TO_RIGHT + line + END if is_right_to_left(line) else line


def takes_color() -> bool:
    """Whether standard output is a terminal that shows colours, or is to be treated as one:
    NO_COLOR and FORCE_COLOR decide where they are set, NO_COLOR first."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
