"""How a text was read, drawn: every word, its numbers, and nothing that a browser would run."""

import json

import numpy as np
import pytest

from regard.errors import ShapeError
from regard.view import foretold_picture, page
from regard.view.foretold import NOTHING, Foretold, foretold_html, foretold_terminal, panels

TOKENS = (" ¶", " The", " <b>", ",", " The")
P = [np.nan, 0.25, 0.5, 0.125, 1.0]
POINTED = np.zeros((5, 5))
POINTED[4, 1], POINTED[4, 2], POINTED[4, 0] = 0.5, 0.25, 0.004
WEIGHTS = np.tril(np.ones((5, 5)), -1) / np.arange(1, 6)[:, None]
KNOWN = (True, True, False, True, True)
PLAIN = Foretold(TOKENS, np.array(P), KNOWN)
POINTER = Foretold(TOKENS, np.array(P), KNOWN, np.full(5, 0.25), np.full(5, 0.75), POINTED)
READER = Foretold(TOKENS, np.array(P), KNOWN, weights=WEIGHTS)


def test_a_pointer_in_a_terminal():
    lines = foretold_terminal(POINTER).split("\n")
    assert [line.split()[:2] for line in lines[1:]] == [
        ["The", "25.0%"],
        ["<b>?", "50.0%"],
        [",", "12.5%"],
        ["The", "100.0%"],
    ]
    assert lines[4].endswith("25.0%      75.0%   The 50.0% (3 ago), <b>? 25.0% (2 ago)")


def test_no_attention_is_said_to_be_none():
    assert foretold_terminal(PLAIN).startswith(NOTHING)
    assert "attends to nothing" in foretold_html(PLAIN)


def test_the_machine_reader_marks_each_word_behind_its_past():
    blocks = foretold_terminal(READER, width=80, color=False).split("\n\n")
    assert len(blocks) == 4
    assert [block.split("\n")[1].rstrip() for block in blocks] == [
        "¶ [The]", "¶ The [<b>?]", "¶ The <b> [,]", "¶ The <b>, [The]"
    ]  # fmt: skip
    assert foretold_html(READER) == ""
    (panel,) = panels(READER)
    np.testing.assert_allclose(panel.weights[0, 0], READER.weights, atol=1e-7)


@pytest.mark.parametrize("read", [PLAIN, POINTER, READER], ids=["plain", "pointer", "reader"])
def test_pages_pictures_and_json(read, tmp_path):
    html = "".join(map(page.panel, panels(read))) + foretold_html(read)
    assert ("u003cb>" if read is READER else "&lt;b&gt;") in html
    assert "<b>" not in html
    found = json.loads(json.dumps(read.as_json(), allow_nan=False))
    assert found["probabilities"] == [None, *P[1:]]
    assert ("weights" in found, "gates" in found) == (read is READER, read is POINTER)
    for name, begins in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        foretold_picture.save(read, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)


def test_sizes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"gates of 5 words are \(5,\)"):
        Foretold(TOKENS, np.array(P), KNOWN, gates=np.zeros(4))
    with pytest.raises(ShapeError, match=r"weights of 5 words are \(5, 5\)"):
        Foretold(TOKENS, np.array(P), KNOWN, weights=np.zeros((5, 4)))
