"""What an answer looked at, for pages: panels, or a sentence where there is nothing to show."""

from collections.abc import Sequence

from regard.errors import RangeError, ShapeError
from regard.runs.system import Answer
from regard.view import page
from regard.view.attended import Attended

NOTHING = "There is nothing to show of what was looked at: "


def panels(answer: Answer) -> tuple[Sequence[Attended], str]:
    """An answer's panels; or none, and why: it wrote nothing, say, or has weights that are no
    numbers, as a model whose training failed."""
    try:
        return answer.looked(), ""
    except (RangeError, ShapeError) as error:
        return (), f"{NOTHING}{error}."


def html(answer: Answer) -> str:
    """An answer in a page: its panels, and what it has besides."""
    found, why = panels(answer)
    parts = [page.panel(each) for each in found]
    if why:
        parts.append(page.paragraph(f"{answer.title}\n{why}"))
    return "".join(parts) + answer.figure()
