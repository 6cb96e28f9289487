"""SVG: always XML, every weight told, every curve apart."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.view import Alignment, colors, svg, ticks

SVG = "{http://www.w3.org/2000/svg}"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
HOSTILE = [
    "<script>",
    "a&b",
    "\x00",
    "\x1b[0m",
    "\ud800",
    "\ufffe",
    "😀",
    "\"'",
    "]]>",
    "",
    "\u202e",
]


def tooltips(drawing: str) -> list[str]:
    tree = ElementTree.fromstring(drawing)
    return [rect.findtext(f"{SVG}title") or "" for rect in tree.iter(f"{SVG}rect") if len(rect)]


def test_every_cell_tells_its_weight():
    drawing = svg.heatmap(Alignment("y ", "x", [[0.931, math.nan]], "A title"))
    assert tooltips(drawing) == [
        "target 'x' looks at source 'y': 93.1%",
        "target 'x' looks at source '␣': no value",
    ]
    texts = [text.text for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")]
    assert "A title" in texts
    assert colors.hexadecimal(colors.ramp(0.931)) in drawing


def test_hostile_tokens_are_shown_and_never_markup():
    n = len(HOSTILE)
    drawing = svg.heatmap(Alignment(HOSTILE, HOSTILE, np.eye(n), "".join(HOSTILE)))
    assert len(tooltips(drawing)) == n * n
    assert "<script" not in drawing
    drawing.encode()


@settings(deadline=None)
@given(st.lists(ANY_TEXT, max_size=3), st.lists(ANY_TEXT, max_size=3), ANY_TEXT)
def test_a_heatmap_of_any_text_is_xml(source, target, title):
    weights = np.full((len(target), len(source)), 0.5)
    drawing = svg.heatmap(Alignment(source, target, weights, title))
    assert len(tooltips(drawing)) == weights.size


@settings(deadline=None)
@given(
    st.dictionaries(
        ANY_TEXT, st.lists(st.tuples(st.floats(), st.floats()), max_size=4), max_size=9
    ),
    ANY_TEXT,
    st.booleans(),
)
def test_curves_of_any_numbers_are_xml_within_the_drawing(series, label, log_y):
    drawing = svg.curves(series, x_label=label, y_label=label, log_y=log_y)
    tree = ElementTree.fromstring(drawing)
    wide, high = float(tree.attrib["width"]), float(tree.attrib["height"])
    for dot in tree.iter(f"{SVG}circle"):
        assert 0 <= float(dot.attrib["cx"]) <= wide
        assert 0 <= float(dot.attrib["cy"]) <= high
    assert not re.search(r'="[^"]*\b(nan|inf)\b', re.sub(r"aria-label=\"[^\"]*\"", "", drawing))


def test_points_without_a_place_are_left_out_and_neighbours_joined():
    series = {"a": [(0, 1), (1, math.nan), (2, 3)], "b": [(1, 2)], "c": []}
    drawing = svg.curves(series, x_label="step", y_label="loss")
    tree = ElementTree.fromstring(drawing)
    (line,) = tree.iter(f"{SVG}polyline")
    assert len(line.attrib["points"].split()) == 2
    assert len(list(tree.iter(f"{SVG}circle"))) == 3
    assert drawing.count("</title>") == 9  # 3 points, 3 curves, 3 names
    assert [[*text.itertext()][-1] for text in tree.iter(f"{SVG}text")][-3:] == ["a", "b", "c"]


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show():
    series = {"a": [(0, 0.0), (1, -1.0), (2, 0.01), (3, 1.0)]}
    drawing = svg.curves(series, x_label="step", y_label="loss", log_y=True)
    tree = ElementTree.fromstring(drawing)
    assert len(list(tree.iter(f"{SVG}circle"))) == 2
    assert svg.curves({"a": [(0, 5e-324)]}, x_label="", y_label="", log_y=True)
    assert {"0.01", "0.1", "1"} <= {text.text for text in tree.iter(f"{SVG}text")}


def test_many_series_differ_in_color_or_dash():
    series = {str(i): [(0, i), (1, i)] for i in range(35)}
    tree = ElementTree.fromstring(svg.curves(series, x_label="x", y_label="y"))
    looks = {
        (c.attrib["stroke"], c.attrib["stroke-dasharray"]) for c in tree.iter(f"{SVG}polyline")
    }
    assert len(looks) == 35


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 500, [0, 100, 200, 300, 400, 500]),
        (-1, 1, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (0.13, 0.31, [0.15, 0.2, 0.25, 0.3]),
        (1e6, 1e6 + 5, [1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4, 1e6 + 5]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks.linear(low, high) == expected


def test_the_ramp_is_viridis_to_the_eye():
    colormaps = pytest.importorskip("matplotlib").colormaps

    for weight in np.linspace(0, 1, 101):
        theirs = np.array(colormaps["viridis"](weight)[:3]) * 255
        assert np.abs(np.array(colors.ramp(weight)) - theirs).max() < 17  # of 255
