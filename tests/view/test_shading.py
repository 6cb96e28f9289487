"""Shaded texts: exact in a terminal, safe in a page, the same words in every view."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import KindError, MissingExtra, ShapeError, UnknownName
from regard.view import page, shading, shading_picture
from regard.view.characters import columns
from regard.view.shading import Shading

GREAT = Shading(["Great", " phone", "."], [0.8, 0.2, 0.0], "positive", 0.93)
EVIL = "<script>alert(1)</script>\x1b[2J"
HOSTILE = Shading([EVIL, f" {EVIL}"], [0.5, 0.5], EVIL, 0.5)

TEXTS = st.lists(st.text(max_size=6), max_size=12)


def test_a_small_example_is_exact():
    assert shading.terminal(GREAT, width=80, color=False).split("\n") == [
        "positive 93.0%   (full shade: weight 80%)",
        "Great phone.",
        "█████ ░░░░░ ",
    ]


def test_long_texts_break_before_words_and_keep_their_weights():
    drawn = shading.terminal(GREAT, width=7, color=False).split("\n")[1:]
    assert drawn == ["Great", "█████", "phone.", "░░░░░ "]


@settings(deadline=None)
@given(TEXTS, st.integers(1, 30))
def test_shades_stand_under_their_words(tokens, width):
    shaded = Shading(tokens, np.linspace(0, 1, len(tokens)))
    lines = shading.terminal(shaded, width=width, color=False).split("\n")[1:]
    for words, shades in zip(lines[::2], lines[1::2], strict=True):
        assert columns(words) == columns(shades)


@pytest.mark.parametrize(("name", "code"), [("truecolor", "48;2;253;231;37"), ("", "48;5;220")])
def test_colors_end_with_their_word(monkeypatch, name, code):
    monkeypatch.setenv("COLORTERM", name)
    words = shading.terminal(GREAT, width=80, color=True).split("\n")[1]
    assert words.startswith(f"\x1b[{code}m")
    assert re.sub(r"\x1b\[[0-9;]*m", "", words) == "Great phone."
    assert words.endswith("\x1b[0m")


def test_nothing_of_a_text_is_obeyed():
    drawn = shading.terminal(HOSTILE, width=200, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", drawn)
    for made in (shading.html(HOSTILE), shading.svg(HOSTILE)):
        assert "<script" not in made
        assert "\x1b" not in made
        assert "&lt;script&gt;" in made
    whole = page.page("x", [page.Section("y", shading.html(HOSTILE))])
    assert "<script" not in whole


def test_views_have_the_words_the_weights_and_shades_that_grow_with_them():
    markup = shading.html(GREAT)
    assert "".join(ElementTree.fromstring(markup).itertext()) == "Great phone."
    assert re.findall(r'title="([^"]*)"', markup) == ["80.0%", "20.0%", "0.0%"]
    assert re.findall(r"rgba\(0, 114, 178, ([\d.]*)\)", markup) == ["0.750", "0.188", "0.000"]
    drawing = ElementTree.fromstring(shading.svg(GREAT))
    names = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert names == ["Great: 80.0%", "phone: 20.0%", ".: 0.0%"]


def test_a_text_of_a_right_to_left_script_runs_from_the_right():
    words, wide, _ = shading.placed(Shading(["אב", " ג"], [0.5, 0.5]), 80)
    assert wide == 4
    assert [(word.text, word.x) for word in words] == [("אב", 2), ("ג", 0)]


def test_no_weight_and_no_text():
    nothing = Shading([], [], "none")
    assert shading.terminal(nothing, color=False).startswith("none")
    for shaded in (nothing, Shading(["a", "b"], [np.nan, 0.0])):
        assert ElementTree.fromstring(shading.svg(shaded)) is not None
        assert set(shaded.shares) <= {0.0}
    assert "no value" in shading.html(Shading(["a"], [np.nan]))


def test_pictures(tmp_path):
    for name in ("one.png", "two.png", "drawing.svg"):
        shading_picture.save(HOSTILE, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "drawing.svg").read_text(encoding="utf-8") == shading.svg(HOSTILE)
    with pytest.raises(UnknownName, match="must end in one of"):
        shading_picture.save(GREAT, tmp_path / "text.docx")


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtra, match=r"regard\[view\]"):
        shading_picture.save(GREAT, tmp_path / "x.png")
    shading_picture.save(GREAT, tmp_path / "x.svg")


def test_refuses():
    with pytest.raises(ShapeError, match=r"one for each of 2 tokens; given \(3,\)"):
        Shading(["a", "b"], [1, 2, 3])
    with pytest.raises(KindError, match="strings only; given 1"):
        Shading(["a", 1], [0.5, 0.5])  # type: ignore[list-item]
