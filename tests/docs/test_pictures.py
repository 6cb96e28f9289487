"""The committed pictures are what their files draw, and each stands on a page."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMES = sorted(path.stem for path in (DOCS / "pictures").glob("[!_]*.py"))
NUMBER = re.compile(r"#[0-9a-f]{6}\b|-?\d+(?:\.\d+)?")


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package, found as ``python docs/pictures`` finds it."""
    monkeypatch.syspath_prepend(str(DOCS))
    import pictures

    yield pictures
    for name in [name for name in sys.modules if name.split(".")[0] == "pictures"]:
        sys.modules.pop(name)


def differences(one: str, other: str) -> str | None:
    """Where two drawings differ by more than the last digit of a number or a step of a colour.

    Other processors round sums otherwise.
    """
    if _without_numbers(one) != _without_numbers(other):
        return "other shapes or words"
    for ours, theirs in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True):
        if ours.startswith("#"):
            pairs = [(int(ours[i : i + 2], 16), int(theirs[i : i + 2], 16)) for i in (1, 3, 5)]
            far = any(abs(a - b) > 3 for a, b in pairs)
        else:
            far = abs(float(ours) - float(theirs)) > 0.15
        if far:
            return f"{ours} and {theirs}"
    return None


def _without_numbers(drawing: str) -> str:
    return NUMBER.sub(lambda found: "#" if found[0].startswith("#") else "0", drawing)


def test_drawings_may_differ_by_a_digit_and_no_more() -> None:
    line = '<rect x="1.5" fill="#440154"/>{}: 12.3%'
    assert differences(line, line.replace("12.3", "12.4").replace("54", "55")) is None
    assert differences(line, line.replace("12.3", "12.6")) == "12.3 and 12.6"
    assert differences(line, line.replace("54", "64")) == "#440154 and #440164"
    assert differences(line, line.replace("#440154", "1")) == "other shapes or words"
    assert differences(line, line.replace("rect", "line")) == "other shapes or words"


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_what_its_file_draws(name: str, pictures: Any) -> None:
    image = DOCS / "images" / f"{name}.svg"
    assert image.exists(), f"run: python docs/pictures {name}"
    start = time.thread_time()
    new = pictures.drawn(name)
    assert time.thread_time() - start < 8, "a picture takes a moment"
    old = image.read_text(encoding="utf-8")
    ElementTree.fromstring(old)
    assert (found := differences(new, old)) is None, f"{found}; run: python docs/pictures {name}"


def test_every_picture_has_its_file_and_stands_on_a_page() -> None:
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages if "_build" not in page.parts)
    shown = set(re.findall(r"images/(\w+)\.svg", text))
    files = {path.stem for path in (DOCS / "images").glob("*.svg")}
    assert files == set(NAMES)
    assert shown == files
