"""The value that the page shows, and what the page is made of."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from payloads import payloads, unpacked, weights_of
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.view import module, page
from regard.view.attended import Attended
from regard.view.views import Page, head_view, model_view


@pytest.mark.parametrize("kind", [np.float64, np.float32, torch.float32, torch.bfloat16, list])
def test_weights_come_back_to_within_their_sixteen_bits(kind: Any) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(7), (2, 3, 5))
    given: Any = rows.tolist() if kind is list else rows
    if isinstance(kind, torch.dtype):
        given = torch.tensor(rows, dtype=kind)
        rows = given.double().numpy()
    elif kind is not list:
        given = rows = rows.astype(kind)
    seen = Attended("abcdefg", "12345", given)
    payload = json.loads(json.dumps(seen.payload()))
    np.testing.assert_allclose(weights_of(payload), rows, rtol=0, atol=1e-5)
    assert payload["shape"] == [2, 3, 5, 7]
    np.testing.assert_allclose(seen.alignment(1, 2).weights, rows[1, 2], atol=1e-7)
    np.testing.assert_allclose(seen.alignment(0).weights, rows[0].mean(0), atol=1e-7)


@pytest.mark.parametrize("count", [9, 70_000])
def test_the_largest_of_each_query(count: int) -> None:
    tokens = [str(place) for place in range(count)]
    keys = [[count - 1, 0, -1]]
    seen = Attended(tokens, "q", [[0.5, 0.25, 0.0]], indices=keys)
    payload = seen.payload()
    assert unpacked(payload["indices"], payload["index_bytes"]).tolist() == [count - 1, 0, count]
    np.testing.assert_allclose(weights_of(payload).ravel(), [0.5, 0.25, 0.0], atol=1e-5)
    assert seen.notes == [
        f"Of each query the 3 largest weights are shown, of {count:,}: 75.0% of the weight."
    ]
    if count == 9:
        assert seen.alignment().weights.tolist() == [[0.25, *[0.0] * 7, 0.5]]


def test_weights_that_do_not_sum_to_one_are_shown_with_a_note() -> None:
    seen = Attended("ab", "12", [[0.5, 0.5], [0.7, 1.3]])
    np.testing.assert_allclose(weights_of(seen.payload()).ravel(), [0.5, 0.5, 0.7, 1.3], atol=2e-5)
    (note,) = seen.notes
    assert note.startswith("The weights of 1 of 2 rows do not sum to 1 (they sum to 2 … 2)")
    assert Attended("ab", "1", [[1.5, -0.5]]).notes == ["Some weights are negative, down to -0.5."]


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "too few tokens": (
        lambda: Attended("ab", "1", [[0.1, 0.2, 0.7]]),
        ShapeError,
        "have 3 columns, and there are 2 source tokens",
    ),
    "too many targets": (
        lambda: Attended("ab", "123", [[0.5, 0.5]]),
        ShapeError,
        "have 1 rows, and there are 3 target tokens",
    ),
    "NaN": (
        lambda: Attended("ab", "12", [[[0.5, 0.5], [float("nan"), 1.0]]]),
        RangeError,
        "the first, nan, is that of layer 0, head 0, query 1, key 0",
    ),
    "infinite": (lambda: Attended("a", "1", [[np.inf]]), RangeError, "the first, inf"),
    "nothing": (
        lambda: Attended("", "", np.zeros((0, 0))),
        ShapeError,
        "nothing to show: 0 target",
    ),
    "of five axes": (lambda: Attended("a", "1", np.ones((1,) * 5)), ShapeError, "or (L, H, Q, K)"),
    "words": (lambda: Attended("a", "1", [["x"]]), KindError, "real numbers"),
    "a key there is not": (
        lambda: Attended("ab", "1", [[1.0]], indices=[[2]]),
        RangeError,
        "keys from 0 to 1",
    ),
    "names": (
        lambda: Attended("a", "1", [[1.0]], heads=["x", "y"]),
        ShapeError,
        "1 names; given 2",
    ),
    "a view": (lambda: Attended("a", "1", [[1.0]], view="pie"), UnknownName, "alignment, lines"),
    "a layer": (lambda: Attended("a", "1", [[1.0]], first_layer=1), RangeError, "layer 1 is asked"),
    "an image without its grid": (
        lambda: Attended("a", "1", [[1.0]], images=[np.zeros((8, 8, 1), np.uint8)]),
        ShapeError,
        "of a grid of 1 places",
    ),
    "an image of fractions": (
        lambda: Attended("a", "1", [[1.0]], images=[np.zeros((8, 8, 1))], grid=(1, 1)),
        KindError,
        "pixels are bytes",
    ),
    "half a key": (
        lambda: Attended("ab", "1", [[1.0]], indices=[[0.5]]),
        KindError,
        "indices are whole numbers",
    ),
    "a layer that is left out": (
        lambda: head_view([np.ones((1, 1, 1))] * 2, "a", include_layers=[0], layer=1),
        RangeError,
        "none of include_layers, [0]",
    ),
    "a layer beyond the last": (
        lambda: model_view([np.ones((1, 1, 1))], "a", include_layers=[3]),
        RangeError,
        "attention has 1 layers",
    ),
    "a page of nothing": (lambda: Page("empty", []), ShapeError, "one panel at least"),
    "a batch": (
        lambda: head_view([np.ones((2, 1, 1, 1))], "a"),
        ShapeError,
        "choose one row of the batch",
    ),
    "attention alone": (lambda: model_view([np.ones((1, 1, 1))]), ShapeError, "wants its tokens"),
    "an unknown argument": (lambda: head_view(encoder=1), KindError, "no argument encoder"),
    "half": (
        lambda: model_view(cross_attention=[np.ones((1, 1, 1))], encoder_tokens="a"),
        ShapeError,
        "cross_attention wants encoder_tokens and decoder_tokens",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(name: str) -> None:
    make, kind, said = WRONG[name]
    with pytest.raises(kind, match=re.escape(said)):
        make()


def test_two_sentences_are_panels_of_their_own() -> None:
    view = head_view([np.full((1, 2, 4, 4), 0.25)], ["a", "b", "c", "d"], sentence_b_start=1)
    assert [(panel.title, panel.shape[2:]) for panel in view.panels] == [
        ("all", (4, 4)),
        ("sentence A → sentence A", (1, 1)),
        ("sentence A → sentence B", (1, 3)),
        ("sentence B → sentence A", (3, 1)),
        ("sentence B → sentence B", (3, 3)),
    ]


def test_half_a_character_is_shown_and_breaks_nothing(tmp_path: Path) -> None:
    seen = Attended(["\ud800", "語"], ["\udfff"], [[0.5, 0.5]])
    Page("half \ud800", [seen]).save(tmp_path / "page.html")
    (panel,) = payloads((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert panel["source"] == ["\ud800", "語"]


class Tags(HTMLParser):
    """What a page loads and runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_one_small_file_that_runs_its_own_program_alone(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    seen = Attended([evil], ["1"], [[1.0]], title=evil)
    Page(evil, [seen, seen]).save(tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(html.encode()) < 200_000
    tags = Tags()
    tags.feed(html)
    scripts = [attributes.get("type") for tag, attributes in tags.found if tag == "script"]
    assert scripts == ["application/json", "application/json", "module"]
    assert not [tag for tag, attributes in tags.found if "src" in attributes or tag == "link"]
    policy = next(a["content"] for _, a in tags.found if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:;")
    assert "script-src 'sha256-" in policy
    assert "<script" not in page.page("plain", [page.Section("words", page.paragraph(evil))])
    with pytest.raises(UnknownName, match=r"must end in .html"):
        Page("page", [seen]).save(tmp_path / "page.png")


def test_the_module_stands_alone() -> None:
    program = module.script(exports=True)
    assert not re.search(r"^\s*import\b", program, re.MULTILINE)
    assert program.count("export ") == 1
    assert "http://" not in program
    assert set(re.findall(r"https://([^/\"]+)", program)) == {"arxiv.org", "aclanthology.org"}
