"""Drawings step by step: exact in a terminal, frames where the filters are, safe in a page."""

import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from regard.errors import MissingExtra, RangeError, ShapeError, UnknownName
from regard.view import page, walk, walk_picture, walk_terminal
from regard.view.walk import ACROSS, PANEL, Frames, Walk

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>\x1b[2J"
CANVASES = np.array([[[0.2, 0.6, 0.9], [0.1, 0.0, 1.0]], [[0.9, 0.9, 0.0], [0.9, 0.0, 0.0]]])
IMAGE = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def frames(steps=2, size=3, **numbers):
    """In an image of 2 × 3 pixels: the middle, and filters a pixel apart."""
    given = {"x": 2.0, "y": 1.5, "stride": 1.0, "sigma": 0.5} | numbers
    return Frames(*(np.full(steps, number) for number in given.values()), size)


TWO = Walk("two", CANVASES, IMAGE, frames(), frames(size=2, x=1.0, stride=2.0, sigma=9.0))
LONG = Walk(EVIL, np.zeros((11, 4, 4)), None, None, frames(11, x=np.inf, stride=1e30))
BARE = Walk("$\\frac{1}{0}$ \N{SNOWMAN}", np.full((1, 5, 2), np.nan))


def test_a_grid_of_filters_and_its_box():
    box = frames().box(0)
    assert box == (0.5, 0.0, 2.5, 2.0)  # filters at columns 1, 2, 3: the middles of three pixels
    assert frames(size=2, stride=3.0).box(1) == (0.0, -0.5, 3.0, 2.5)


def test_a_small_example_is_exact():
    assert walk_terminal.terminal(TWO, width=80, color=False).split("\n") == [
        "two",
        "image            1 read 2,2 write 2 read 2,2 write",
        "│█▀ │            │ ▀█│            │█▀ │",
    ]


def test_panels_go_on_below():
    lines = walk_terminal.terminal(TWO, width=20, color=False).split("\n")
    assert [line[:5] for line in lines] == [
        "two",
        "image",
        "│█▀ │",
        "1 rea",
        "│ ▀█│",
        "2 rea",
        "│█▀ │",
    ]
    odd = walk_terminal.terminal(Walk("", np.ones((1, 3, 2))), width=9, color=False)
    assert odd.split("\n") == ["1", "│██│", "│▀▀│"]


@pytest.mark.parametrize(
    ("name", "code"), [("truecolor", "38;2;230;230;230;48;2;0"), ("", "38;5;2")]
)
def test_colors(monkeypatch, name, code):
    monkeypatch.setenv("COLORTERM", name)
    drawn = walk_terminal.terminal(Walk("", np.array([[[0.9], [0.0]]])), width=80, color=True)
    assert f"\x1b[{code}" in drawn
    assert re.sub(r"\x1b\[[0-9;]*m", "", drawn) == "1\n│▀│"
    assert drawn.count("\x1b[0m") == 1


def test_frames_stand_where_the_filters_are():
    root = ElementTree.fromstring(walk.svg(TWO))
    boxes = [
        [float(box.get(n)) for n in ("x", "y", "width", "height")]
        for box in root.iter(SVG + "rect")
    ]
    pixel = PANEL / 3
    assert len(boxes) == 4
    assert boxes[0] == pytest.approx([0.5 * pixel, 0.0, 2 * pixel, 2 * pixel])
    assert boxes[1] == pytest.approx([-0.5 * pixel, 0.0, 2 * pixel, 2 * pixel])
    thick = [float(box.get("stroke-width")) for box in root.iter(SVG + "rect")]
    assert thick[0] == 5.0 == thick[1]  # σ of half a pixel is 16 CSS pixels here: the thickest
    thin = ElementTree.fromstring(
        walk.svg(Walk("", np.zeros((1, 96, 96)), writes=frames(1, sigma=3)))
    )
    assert next(thin.iter(SVG + "rect")).get("stroke-width") == "1.5"


def test_images_are_in_the_drawing():
    root = ElementTree.fromstring(walk.svg(TWO))
    shown = [image.get("href") for image in root.iter(SVG + "image")]
    panels = list(root.iter(SVG + "svg"))[1:]
    assert len(shown) == 4 == len(panels)
    assert shown[0] == shown[2] == walk.data_uri(walk.grey(IMAGE))
    assert walk.grey(np.array([[np.nan, -1.0, 0.5, 2.0]]))[..., 0].tolist() == [[0, 0, 128, 255]]
    right = [float(panel.get("x")) + float(panel.get("width")) for panel in panels]
    assert max(right) <= float(root.get("width"))


def test_long_walks_go_on_below():
    root = ElementTree.fromstring(walk.svg(LONG))
    places = [(float(p.get("x")), float(p.get("y"))) for p in list(root.iter(SVG + "svg"))[1:]]
    assert len(places) == 11 == len(set(places))
    assert len({x for x, _ in places}) == ACROSS
    high = float(root.get("height"))
    assert all(y + PANEL <= high for _, y in places)
    assert "inf" not in walk.svg(LONG).replace("middle inf", "")


def test_a_sheet():
    images = np.random.default_rng(0).random((23, 6, 3))
    root = ElementTree.fromstring(walk.sheet([("image", images), ("drawn", images)], across=10))
    assert len(list(root.iter(SVG + "image"))) == 46
    assert [text.text for text in root.iter(SVG + "text")] == ["image"] * 3 + ["drawn"] * 3
    with pytest.raises(RangeError, match="one image at least"):
        walk.sheet([("", images[:0])])


def test_nothing_of_a_title_is_obeyed():
    assert not re.search(
        "[\x00-\x09\x0b-\x1f]", walk_terminal.terminal(LONG, width=99, color=False)
    )
    for drawn in (
        walk.svg(LONG),
        page.page("a", [page.Section("b", page.figure(walk.svg(LONG), EVIL))]),
    ):
        assert "<script" not in drawn
        assert "\x1b" not in drawn


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
@pytest.mark.parametrize("shown", [TWO, LONG, BARE], ids=["two", "long", "bare"])
def test_pictures(tmp_path, shown, suffix):
    for name in ("a", "b"):
        walk_picture.save(shown, tmp_path / f"{name}.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    assert content == (tmp_path / f"b.{suffix}").read_bytes()
    if suffix == "png":
        levels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
        assert levels.std() > 1


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(ShapeError, match=r"canvases must be \(T, H, W\)"):
        Walk("", IMAGE)
    with pytest.raises(ShapeError, match=r"image must be \(H, W\) = \(2, 3\); given \(3, 2\)"):
        Walk("", CANVASES, IMAGE.T)
    with pytest.raises(ShapeError, match="one for each of 2 steps"):
        Walk("", CANVASES, reads=frames(3))
    with pytest.raises(UnknownName, match=r"'a.xyz' must end in one of"):
        walk_picture.save(TWO, tmp_path / "a.xyz")
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtra, match="regard\\[view\\]"):
        walk_picture.save(TWO, tmp_path / "a.png")
