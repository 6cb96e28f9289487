"""One HTML page that holds everything it shows: no files beside it, no network.

    page.write("run.html", page.page("A run", [
        page.Section("Loss", page.figure(svg.curves(...), "Loss by step")),
        page.Section("Settings", page.table(["name", "value"], rows)),
    ]))

``paragraph``, ``table``, ``figure``, ``panel`` and ``preformatted`` return HTML; join them with
``+``. Where there is a panel, which is interactive, the page holds the program that fills it
(``view.module``), and no other may run; without one it has no script at all.
"""

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regard.errors import ShapeError
from regard.view import module
from regard.view.attended import Attended
from regard.view.characters import escape

# Even if markup slipped through, the browser would load nothing, and run nothing of it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

HALVES = re.compile("[\ud800-\udfff]")

PANEL = '<figure class="regard">'

STYLE = """
body { margin: 0; background: var(--paper); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
h1, h2, p, figcaption, td, th { overflow-wrap: anywhere; }
p { max-width: 44rem; white-space: pre-line; }
figure { margin: 1rem 0 1.6rem; }
figcaption { color: var(--faint); font-size: .9rem; }
.wide { overflow-x: auto; }
svg { display: block; }
table { border-collapse: collapse; font-size: .95rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: start; border-bottom: 1px solid var(--line);
  min-width: 2rem; vertical-align: top; }
thead th { color: var(--faint); font-weight: 600; }
tbody th { font-weight: 500; }
.number { text-align: end; }
pre { margin: .8rem 0; padding: .8rem 1rem; background: var(--shade); border-radius: 6px;
  overflow-x: auto; font: 13px/1.45 ui-monospace, 'DejaVu Sans Mono', monospace; }
""".strip()


@dataclass(frozen=True)
class Section:
    """A heading, plain text, and below it HTML made by the functions of this module."""

    heading: str
    html: str


def page(title: str, sections: Sequence[Section], *, lang: str = "en") -> str:
    """The sections as the text of one HTML5 file, light or dark as the reader prefers.

    The title, headings and all text given to ``paragraph``, ``table``, ``figure`` captions and
    ``preformatted`` are escaped; only ``Section.html``, figures and panels are taken as markup. A
    section may go without a heading.
    """
    body = "\n".join(map(_section, sections))
    policy, style, script = POLICY, module.theme() + STYLE, ""
    if any(PANEL in section.html for section in sections):
        program = f"\n{module.script()}"
        digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
        policy += f" blob:; script-src 'sha256-{digest}'"
        style, script = style + module.style(), f'<script type="module">{program}</script>\n'
    return f"""<!DOCTYPE html>
<html lang="{escape(lang)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
{script}</body>
</html>
"""


def paragraph(text: str) -> str:
    """Running text; its line breaks are kept, its direction is that of its script.

    >>> paragraph("1 < 2")
    '<p dir="auto">1 &lt; 2</p>'
    """
    return f'<p dir="auto">{escape(text)}</p>'


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table: one header per column, the first cell of each row heading that row.

    Cells are shown by ``str``; numbers stand at the right. Raises ShapeError for a row that does
    not have one cell per header.
    """
    head = "".join(f'<th scope="col" dir="auto">{escape(header)}</th>' for header in headers)
    lines = []
    for number, row in enumerate(rows):
        if len(row) != len(headers):
            raise ShapeError(
                f"a table's row must have one cell per header, {len(headers)}; "
                f"row {number} has {len(row)}"
            )
        cells = "".join(_cell(cell, heads=i == 0) for i, cell in enumerate(row))
        lines.append(f"<tr>{cells}</tr>")
    body = "\n".join(lines)
    return _wide(
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>", "table"
    )


def figure(svg: str, caption: str) -> str:
    """A drawing of ``regard.view.svg``, taken as markup, above its caption, plain text.

    A drawing wider than the screen scrolls by itself.
    """
    drawing = _wide(svg, caption)
    return f'<figure>\n{drawing}\n<figcaption dir="auto">{escape(caption)}</figcaption>\n</figure>'


def panel(attended: Attended, caption: str = "") -> str:
    """An interactive panel: heatmap, lines, heads, text, image and histogram of the same weights.

    It holds the weights; the page around it gets the program that shows them.
    """
    # No tag may end within what is data, and no file of UTF-8 holds half a character.
    data = json.dumps(attended.payload(), ensure_ascii=False).replace("<", "\\u003c")
    data = HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", data)
    said = f'\n<figcaption dir="auto">{escape(caption)}</figcaption>' if caption else ""
    title = escape(attended.title)
    return (
        f'{PANEL}<script type="application/json">{data}</script><noscript>{title} '
        f"(weights are shown by a script of this page, which does not run here)</noscript></figure>"
        f"{said}\n"
    )


def preformatted(text: str) -> str:
    """Text in a fixed-width face, with its spaces and line breaks as they are."""
    return f'<pre tabindex="0">{escape(text)}</pre>'


def write(path: str | os.PathLike[str], html: str) -> None:
    """Write the page as UTF-8, wholly or not at all: a reader never finds half of it.

    It goes into a new file in the same folder, reaches the disk, and then takes the name. Where
    that fails, the new file is removed, what stood at ``path`` is left, and the error is raised.
    """
    path = Path(path)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with new.open("xb") as file:
            file.write(html.encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _section(section: Section) -> str:
    heading = f"<h2>{escape(section.heading)}</h2>\n" if section.heading else ""
    return f"<section>\n{heading}{section.html}\n</section>"


def _cell(cell: object, *, heads: bool) -> str:
    number = ' class="number"' if isinstance(cell, int | float) else ""
    text = escape(str(cell))
    if heads:
        return f'<th scope="row" dir="auto"{number}>{text}</th>'
    return f'<td dir="auto"{number}>{text}</td>'


def _wide(content: str, label: str) -> str:
    # Reachable by keyboard, which is how some readers scroll.
    name = escape(label)
    return f'<div class="wide" tabindex="0" role="region" aria-label="{name}">{content}</div>'
