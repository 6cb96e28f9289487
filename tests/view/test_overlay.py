"""Weights over images: exact in a terminal, safe in a page, the largest framed in every view."""

import base64
import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from regard.errors import KindError, MissingExtra, ShapeError, UnknownName
from regard.view import overlay, overlay_picture, page
from regard.view.overlay import Overlay, brightness, glow

SVG = "{http://www.w3.org/2000/svg}"
PIXELS = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6, 1)
COLORS = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
TWO = Overlay(
    PIXELS,
    ("a", "digit"),
    [[[0.5, 0.25, 0.25], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.2, 0.8]]],
    "one → two",
)
EVIL = "\x1b[2J<script>alert(1)</script>"
HOSTILE = Overlay(COLORS, (EVIL, "$\\frac{1}{0}$", "&amp;", ""), np.full((4, 2, 2), 0.25), EVIL)
NOTHING = Overlay(PIXELS, (), np.zeros((0, 2, 3)), "none")
UNKNOWN = Overlay(PIXELS, ("a", "b"), [[[np.nan, 0.5]], [[np.nan, np.nan]]])


def seen(grid):
    """An overlay of a word a grid, each of random weights, over a wide image."""
    weights = np.random.default_rng(grid).dirichlet(np.ones(grid[0] * grid[1]), 12)
    return Overlay(COLORS, [f"word {t}" for t in range(12)], weights.reshape(12, *grid))


def drawn(shown):
    """The frames, the images and the texts of a drawing; rectangles as x, y, width, height."""
    root = ElementTree.fromstring(overlay.svg(shown))
    names = ("x", "y", "width", "height")

    def places(kind):
        return [tuple(float(part.get(name)) for name in names) for part in root.iter(SVG + kind)]

    return root, places("rect"), places("image"), [text.text for text in root.iter(SVG + "text")]


def test_what_a_word_looked_at_most_and_where_its_middle_is():
    assert (TWO.strongest(0), TWO.strongest(1)) == ((0, 0), (1, 2))
    assert (TWO.centre(0), TWO.centre(1)) == ((1.0, 1.0), (3.0, 5.0))
    assert Overlay(PIXELS, "a", np.full((1, 2, 3), 1 / 6)).strongest(0) == (0, 0)
    assert (UNKNOWN.strongest(0), UNKNOWN.centre(0)) == ((0, 1), (2.0, 4.5))
    assert (UNKNOWN.strongest(1), UNKNOWN.centre(1)) == (None, None)


def test_brightness_is_told_from_the_even_share():
    assert brightness(np.full((5, 7), 1 / 35)) == pytest.approx(0.25 * np.ones((5, 7)))
    one = np.zeros((3, 3))
    one[1, 2] = 1.0
    assert (brightness(one) == one).all()
    # Of 2 × 2 places four times the even share is all there is: a weight is its own brightness.
    assert brightness(np.array([[0.7, 0.2], [0.1, 0.0]])).tolist() == [[0.7, 0.2], [0.1, 0.0]]
    # Of many places the largest is 1, and the others are parts of it.
    many = np.full((10, 10), 0.5 / 99)
    many[4, 4] = 0.5
    assert brightness(many)[4, 4] == 1
    assert brightness(many)[0, 0] == pytest.approx(1 / 99)
    odd = brightness(np.array([[np.nan, 3.0, -1.0]]))
    assert np.isnan(odd[0, 0])
    assert odd[0, 1:].tolist() == [1.0, 0.0]
    assert np.isnan(brightness(np.full((2, 2), np.nan))).all()
    assert glow(np.array([[np.nan, 1.0, 0.0]]))[..., 3].tolist() == [[0, 143, 0]]
    assert glow(one)[1, 2].tolist() == [*overlay.GLOW, 191]


@pytest.mark.parametrize("grid", [(4, 4), (3, 7), (1, 1), (1, 5)])
def test_one_panel_a_word_and_its_frame_over_the_largest_weight(grid):
    shown = seen(grid)
    _, frames, images, texts = drawn(shown)
    # The image alone, and for each word the image and the weights, in the same place.
    assert len(images) == 1 + 2 * 12
    panels = images[1::2]
    assert panels == images[2::2]
    assert len({image[:2] for image in [images[0], *panels]}) == 13
    assert len(frames) == 12
    high, wide = COLORS.shape[:2]
    for t, (panel, frame) in enumerate(zip(panels, frames, strict=True)):
        x, y, width, height = panel
        assert width / height == pytest.approx(wide / high, rel=0.01)
        # From the middle of the frame to the middle of the largest weight, in pixels of the image.
        middle = (
            (frame[1] + frame[3] / 2 - y) / height * high,
            (frame[0] + frame[2] / 2 - x) / width * wide,
        )
        row, column = np.unravel_index(shown.weights[t].argmax(), grid)
        truth = ((row + 0.5) * high / grid[0], (column + 0.5) * wide / grid[1])
        assert middle == pytest.approx(truth, abs=0.1)
        assert frame[2:] == pytest.approx((width / grid[1], height / grid[0]), abs=0.1)
        assert texts[2 * t] == f"word {t}"
        assert texts[2 * t + 1] == f"{shown.weights[t].max():.0%}"


def test_a_drawing_holds_the_image_and_the_weights_themselves():
    root = ElementTree.fromstring(overlay.svg(TWO))
    files = [image.get("href").partition("base64,")[2] for image in root.iter(SVG + "image")]
    arrays = [np.asarray(Image.open(io.BytesIO(base64.b64decode(file)))) for file in files]
    for place in (0, 1, 3):
        assert (arrays[place] == PIXELS[..., 0]).all()
    for word, place in ((0, 2), (1, 4)):
        assert (arrays[place] == glow(TWO.weights[word])).all()
    width, height = float(root.get("width")), float(root.get("height"))
    for part in [*root.iter(SVG + "image"), *root.iter(SVG + "rect")]:
        assert float(part.get("x")) + float(part.get("width")) <= width
        assert float(part.get("y")) + float(part.get("height")) <= height
    for text in root.iter(SVG + "text"):
        assert float(text.get("y")) <= height


def test_nothing_of_a_word_is_obeyed():
    text = overlay.terminal(HOSTILE, width=200, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    made = overlay.svg(HOSTILE)
    assert "<script" not in made
    assert "\x1b" not in made
    assert "&lt;script&gt;" in made
    root, _, _, texts = drawn(HOSTILE)
    assert texts[0].startswith("U+001B[2J<script>")
    assert texts[4] == "&amp;"
    assert {part.tag for part in root.iter()} == {
        f"{SVG}{n}" for n in ("svg", "image", "rect", "text")
    }
    whole = page.page(EVIL, [page.Section(EVIL, page.figure(made, EVIL))])
    assert "<script" not in whole


def test_no_word_one_word_and_no_weight():
    assert overlay.terminal(NOTHING, color=False) == "none"
    assert overlay.terminal(Overlay(PIXELS, (), np.zeros((0, 2, 3))), color=False) == ""
    _, frames, images, texts = drawn(NOTHING)
    assert (frames, len(images), texts) == ([], 1, [])
    _, frames, images, texts = drawn(Overlay(COLORS, ("one",), np.ones((1, 1, 1))))
    assert (len(frames), len(images), texts) == (1, 3, ["one", "100%"])
    _, frames, _, texts = drawn(UNKNOWN)
    assert len(frames) == 1
    assert texts == ["a", "50%", "b", "no weight"]
    lines = overlay.terminal(UNKNOWN, width=80, color=False).split("\n")
    assert lines[2].split() == ["│??░░│", "│????│"]


def test_a_small_example_is_exact():
    assert overlay.terminal(TWO, width=60, color=False).split("\n") == [
        "one → two",
        "a 50%                     digit 80%",
        "┌──────┐                  ┌──────┐",
        "│▓▓▒▒▒▒│                  │      │",
        "│      │                  │  ░░██│",
        "└──────┘                  └──────┘",
    ]
    narrow = overlay.terminal(TWO, width=10, color=False).split("\n")
    assert narrow[1:] == [
        "a 50%",
        "┌──────┐",
        "│▓▓▒▒▒▒│",
        "│      │",
        "└──────┘",
        "",
        "digit 80%",
        "┌──────┐",
        "│      │",
        "│  ░░██│",
        "└──────┘",
    ]


@pytest.mark.parametrize(("name", "code"), [("truecolor", "48;2;253;231;37"), ("", "48;5;220")])
def test_colors_end_with_their_row(monkeypatch, name, code):
    monkeypatch.setenv("COLORTERM", name)
    one = Overlay(PIXELS, ("a",), [[[0.0, 1.0], [np.nan, 0.0]]])
    _, _, first, second, _ = overlay.terminal(one, width=80, color=True).split("\n")
    assert f"\x1b[{code}m  \x1b[0m│" in first
    for row, cells in ((first, "    "), (second, "??  ")):
        assert re.sub(r"\x1b\[[0-9;]*m", "", row) == f"│{cells}│"
        assert row.endswith("\x1b[0m│")
    # What has no value has no colour either.
    assert second.startswith("│\x1b[0m??\x1b[")


def test_pictures(tmp_path):
    for name in ("one.png", "two.png", "drawing.svg", "paper.pdf"):
        overlay_picture.save(HOSTILE, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "drawing.svg").read_text(encoding="utf-8") == overlay.svg(HOSTILE)
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    for shown in (NOTHING, UNKNOWN, seen((2, 3))):
        overlay_picture.save(shown, tmp_path / "other.PNG")
        assert (tmp_path / "other.PNG").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UnknownName, match=r"'x.docx' must end in one of .*\.png"):
        overlay_picture.save(TWO, tmp_path / "x.docx")
    assert not (tmp_path / "x.docx").exists()


def test_a_picture_frames_the_largest_weight(tmp_path):
    def marked(row, column):
        grid = np.full((1, 2, 3), 0.1)
        grid[0, row, column] = 0.5
        overlay_picture.save(Overlay(PIXELS, ("one",), grid), tmp_path / "x.png")
        with Image.open(tmp_path / "x.png") as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        ys, xs = (np.abs(pixels - [0xD5, 0x5E, 0x00]).sum(-1) < 30).nonzero()
        assert len(xs) > 100
        return (ys.min() + ys.max()) / 2, (xs.min() + xs.max()) / 2

    (y, x), (same_y, right), (below, same_x) = (marked(*at) for at in ((0, 0), (0, 2), (1, 0)))
    assert (same_y, same_x) == pytest.approx((y, x), abs=2)
    # Places are squares here: one down is half as far as two to the right.
    assert right - x == pytest.approx(2 * (below - y), abs=4)
    assert below - y > 20


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtra, match=r"regard\[view\]"):
        overlay_picture.save(TWO, tmp_path / "x.png")
    overlay_picture.save(TWO, tmp_path / "x.svg")


@pytest.mark.parametrize(
    ("pixels", "words", "weights", "error", "message"),
    [
        (PIXELS.astype(float), "a", np.ones((1, 2, 3)), KindError, "are bytes.*not float64"),
        (PIXELS[..., 0], "a", np.ones((1, 2, 3)), ShapeError, r"given \(4, 6\)"),
        (np.zeros((4, 4, 4), np.uint8), "a", np.ones((1, 2, 2)), ShapeError, r"or \(H, W, 3\)"),
        (PIXELS[:0], "a", np.ones((1, 2, 3)), ShapeError, r"given \(0, 6, 1\)"),
        (PIXELS, "ab", np.ones((1, 2, 3)), ShapeError, r"each of 2 words; given \(1, 2, 3\)"),
        (PIXELS, "a", np.ones((1, 6)), ShapeError, r"each of 1 words; given \(1, 6\)"),
        (PIXELS, "a", np.ones((1, 0, 3)), ShapeError, r"each of 1 words; given \(1, 0, 3\)"),
        (PIXELS, ["a", 1], np.ones((2, 2, 3)), KindError, "strings only; given 1"),
        (PIXELS, "a", [[["x"]]], KindError, "real numbers"),
    ],
)
def test_refuses(pixels, words, weights, error, message):
    with pytest.raises(error, match=message):
        Overlay(pixels, words, weights)
