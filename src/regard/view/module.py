"""The page's program and looks, for every host: a file, a notebook, the served page.

    script()    one ES module that needs no other, put together from those in ``web/``
    style()     its style sheet, with the colours of light and dark

The sources are modules of their own; each is small. What one module imports from another is already
there when they stand in one file in this order, so their ``import`` lines go.
"""

import json
import re
from functools import cache
from importlib import resources

from regard.view import colors

PARTS = (
    *(
        "dom",
        "colors",
        "weights",
        "steps",
        "alignment",
        "heads",
        "lines",
        "text",
        "image",
        "histogram",
    ),
    *("exports", "panel"),
)

IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(async )?(function|class|const|let)\b)", re.MULTILINE)
REMARK = re.compile(r"^\s*//.*\n", re.MULTILINE)


@cache
def script(*, exports: bool = False) -> str:
    """The module as text.

    Args:
        exports: whether it exports ``mount(element, payload)``, for pages that ask a server; it
            fills the figures of its own page in any case.
    """
    palette = "\n".join(
        f"const {name} = {json.dumps(value)};"
        for name, value in (("STOPS", colors.STOPS), ("SERIES", colors.SERIES))
    )
    parts = (REMARK.sub("", EXPORT.sub("", IMPORT.sub("", _read(f"{name}.js")))) for name in PARTS)
    end = "export { mount };\n" if exports else ""
    return "\n".join([palette, *parts, end])


@cache
def style() -> str:
    """The style sheet of panels, and of what is around them."""
    return theme() + _read("panel.css")


@cache
def theme() -> str:
    """The colours of light and dark, as CSS variables."""
    return _read("theme.css")


def _read(name: str) -> str:
    return resources.files("regard.view").joinpath("web", name).read_text(encoding="utf-8")
