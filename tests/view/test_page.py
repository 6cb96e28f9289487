"""The page: one file, nothing from outside, nothing unescaped, written wholly or not at all."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from regard.errors import ShapeError
from regard.view import Alignment, page, svg

EVIL = "<script>alert(1)</script> & \"' \x00 \ud800"


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that each tag is closed in order."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def whole_page() -> str:
    drawing = svg.heatmap(Alignment([EVIL], [EVIL], [[1]], EVIL))
    chart = svg.curves({EVIL: [(0, 1), (1, 2)]}, x_label=EVIL, y_label=EVIL)
    parts = (
        page.paragraph(EVIL)
        + page.table([EVIL, "n"], [[EVIL, 1.5]])
        + page.figure(drawing, EVIL)
        + page.figure(chart, EVIL)
        + page.preformatted(EVIL)
    )
    return page.page(EVIL, [page.Section(EVIL, parts)], lang=EVIL)


def test_the_page_escapes_everything_and_is_well_formed(whole_page):
    read = Reader(whole_page)
    assert "script" not in read.tags
    assert not any(name.startswith("on") for name, _ in read.attributes)
    assert {"html", "title", "h1", "h2", "figure", "figcaption", "pre", "th", "td"} <= {*read.tags}
    whole_page.encode()


def test_the_page_asks_for_nothing_outside(whole_page):
    names = {name for name, _ in Reader(whole_page).attributes}
    assert not names & {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    assert "url(" not in whole_page
    assert "@import" not in whole_page
    addresses = {*re.findall(r"\w+://[^\s\"'<>]*", whole_page)}
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in whole_page


def test_tables_head_rows_and_columns_and_refuse_ragged_rows():
    made = page.table(["name", "value"], [["rate", 0.5]])
    assert '<th scope="col" dir="auto">name</th>' in made
    assert '<th scope="row" dir="auto">rate</th>' in made
    assert '<td dir="auto" class="number">0.5</td>' in made
    with pytest.raises(ShapeError, match="2; row 1 has 3"):
        page.table(["a", "b"], [[1, 2], [1, 2, 3]])


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path):
    path = tmp_path / "page.html"
    page.write(path, "old")
    page.write(str(path), "new é\n")
    assert path.read_bytes() == "new é\n".encode()
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch, failing):
    path = tmp_path / "page.html"
    page.write(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(failing, fail)
    with pytest.raises(OSError, match="disk full"):
        page.write(path, "new")
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]
