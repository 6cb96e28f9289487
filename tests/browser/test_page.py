"""The page in a browser: a file, opened with the network off."""

import csv
import io
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.view.attended import Attended
from regard.view.views import Page, head_view, model_view

EVIL = "<img src=x onerror=alert(1)>"
TOKENS = ["The", "cat", EVIL, "=1+1", "sat", "\u202e", "."]
SIZE = len(TOKENS)


def soft(*shape: int, seed: int = 0) -> Any:
    raw = np.exp(2 * np.random.default_rng(seed).normal(size=shape))
    return raw / raw.sum(-1, keepdims=True)


WEIGHTS = soft(2, 3, SIZE, SIZE)


def heads(**how: Any) -> Attended:
    return Attended(TOKENS, TOKENS, WEIGHTS, title="</script><b>three heads</b>", **how)


def percent(weight: float) -> str:
    """A weight as the page tells it."""
    if 0 < weight < 1e-4:
        return "< 0.01%"
    return f"{100 * weight:.1f}%" if weight >= 1e-3 else f"{100 * weight:.2f}%"


def opened(sheet: Any, folder: Path, *panels: Attended) -> Any:
    Page("A page", panels).save(folder / "page.html")
    sheet.goto((folder / "page.html").as_uri())
    sheet.locator("figure.regard .view canvas, figure.regard .view .token").first.wait_for()
    return sheet.locator("figure.regard").first


def tab(figure: Any, name: str) -> None:
    figure.get_by_role("tab", name=name).click()


def saved(sheet: Any, figure: Any, button: str) -> bytes:
    with sheet.expect_download() as found:
        figure.get_by_role("button", name=button, exact=True).click()
    return Path(found.value.path()).read_bytes()


def test_hovering_a_cell_tells_its_weight(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    figure.get_by_label("head", exact=True).select_option("1")
    plot = figure.locator("canvas.plot")
    box = plot.bounding_box()
    told = set()
    for x in range(60, int(box["width"]), 12):
        sheet.mouse.move(box["x"] + x, box["y"] + box["height"] - 18)  # the last query
        told.add(figure.locator(".tip").text_content())
    amounts = set(map(percent, WEIGHTS[1, 1, -1]))
    found = {one.rsplit(": ", 1)[1] for one in told if one.startswith("‘.’ looks at")}
    assert found == amounts


def test_the_slider_moves_the_step(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, Attended("un deux", "12", soft(2, 7), title="counting"))
    step = figure.get_by_label("step", exact=True)
    assert "1 of 2: 1" in figure.locator(".told").text_content()
    first = figure.locator(".bars").text_content()
    step.focus()
    sheet.keyboard.press("ArrowRight")
    assert "2 of 2: 2" in figure.locator(".told").text_content()
    assert figure.locator(".bars").text_content() != first
    best = soft(2, 7)[1].max()
    assert f"{100 * best:.1f}%" in figure.locator(".bars li").first.text_content()


def test_arrow_keys_walk_over_cells_and_tell_them(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    figure.locator("canvas.plot").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        sheet.keyboard.press(key)
    mean = WEIGHTS[1].mean(0)[1, 2]
    told = figure.locator("[aria-live]").text_content()
    assert told == f"‘cat’ looks at ‘<img␣src=x␣onerror=aler…’: {100 * mean:.1f}%"
    for key in ("+", "+", "-", "0"):
        sheet.keyboard.press(key)


def test_heads_open_and_close(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads(view="heads"))
    assert figure.locator("button.small").count() == 6
    figure.get_by_role("button", name="layer 0, head 2: open").click()
    assert figure.get_by_label("layer", exact=True).input_value() == "0"
    assert figure.get_by_label("head", exact=True).input_value() == "2"
    assert figure.locator("canvas.plot").bounding_box()["width"] > 500
    sheet.keyboard.press("Escape")
    assert figure.locator("button.small").count() == 6


@pytest.mark.parametrize("view", ["Alignment", "Lines", "Heads", "Text", "Histogram"])
def test_every_view_is_saved_as_a_picture(view: str, sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    tab(figure, view)
    picture = saved(sheet, figure, "PNG")
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = struct.unpack(">II", picture[16:24])
    assert wide > 150
    assert high > 100


def test_the_table_has_the_weights(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    text = saved(sheet, figure, "CSV of all").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == WEIGHTS.size
    found = np.zeros(WEIGHTS.shape)
    for row in rows:
        place = tuple(int(row[name]) for name in ("layer", "head", "query", "key"))
        found[place] = float(row["weight"])
        assert row["key_token"] == {"=1+1": "'=1+1"}.get(token := TOKENS[place[3]], token)
    np.testing.assert_allclose(found, WEIGHTS, rtol=0, atol=1e-5)
    figure.get_by_label("head", exact=True).select_option("1")
    text = saved(sheet, figure, "CSV").decode("utf-8-sig")
    assert len(text.splitlines()) == SIZE**2 + 1
    assert {row["head"] for row in csv.DictReader(io.StringIO(text))} == {"1"}


def test_tokens_and_titles_are_text_and_nothing_of_them_runs(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads(view="text"))
    assert figure.locator("h3").text_content() == "</script><b>three heads</b>"
    shown = figure.locator(".token").all_text_contents()
    assert shown == ["The", "cat", EVIL.replace(" ", "␣"), "=1+1", "sat", "U+202E", "."]
    assert sheet.locator("img").count() == 0


def test_text_is_shaded_by_the_token_under_the_pointer(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads(view="text"))
    figure.locator(".token").nth(4).hover()
    mean = WEIGHTS[1].mean(0)[4]
    best = int(mean.argmax())
    shades = figure.locator(".token").evaluate_all(
        "all => all.map(one => Number(one.style.getPropertyValue('--share')))"
    )
    np.testing.assert_allclose(shades, 0.75 * mean / mean.max(), atol=1e-3)
    assert (
        f"‘sat’ looks at ‘{TOKENS[best].replace(' ', '␣')[:23]}"
        in figure.locator(".tip").text_content()
    )
    figure.get_by_role("button", name="looks at").click()
    figure.locator(".token").nth(4).hover()
    assert "‘sat’ is looked at by" in figure.locator(".tip").text_content()


def test_images_have_a_frame_for_each_word(sheet: Any, tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    rows = soft(3, 16)
    seen = Attended(
        [str(place) for place in range(16)],
        ["a", "red", "nine"],
        rows,
        images=[pixels],
        grid=(4, 4),
        view="image",
    )
    figure = opened(sheet, tmp_path, seen)
    assert figure.locator(".strip button").count() == 3
    figure.locator(".strip button").nth(2).click()
    assert figure.get_by_label("step", exact=True).input_value() == "2"
    figure.locator("canvas.plot").hover(position={"x": 5, "y": 5})
    assert figure.locator(".tip").text_content() == f"row 1, column 1: {100 * rows[2, 0]:.1f}%"

    def brightest() -> int:
        # Of the large picture, whose image is black: what is bright is weight.
        return figure.locator("canvas.plot").evaluate(
            """c => {
                const copy = new OffscreenCanvas(c.width, c.height);
                const pixels = copy.getContext("2d", { willReadFrequently: true });
                pixels.drawImage(c, 0, 0);
                return pixels.getImageData(0, 0, c.width, c.height).data
                    .reduce((most, value, at) => at % 4 === 1 ? Math.max(most, value) : most, 0);
            }"""
        )

    bright = brightest()
    figure.get_by_label("opacity", exact=True).fill("20")
    assert brightest() < bright
    assert saved(sheet, figure, "PNG")[:4] == b"\x89PNG"


def test_lines_of_the_heads_that_are_switched_on(sheet: Any, tmp_path: Path) -> None:
    head_view(WEIGHTS[:, None], TOKENS, layer=0, heads=[1]).save(tmp_path / "lines.html")
    sheet.goto((tmp_path / "lines.html").as_uri())
    figure = sheet.locator("figure.regard")
    pressed = figure.locator(".toggle").evaluate_all("all => all.map(one => one.ariaPressed)")
    assert pressed == ["false", "true", "false"]
    assert figure.get_by_label("layer", exact=True).input_value() == "0"
    figure.locator("canvas.plot").hover(position={"x": 80, "y": 11})
    best = WEIGHTS[0, 1, 0].max()
    assert f"{100 * best:.1f}%" in figure.locator(".tip").text_content()
    figure.locator(".toggle").nth(0).click()
    assert figure.locator(".toggle").nth(0).get_attribute("aria-pressed") == "true"


def test_the_model_view_shows_encoder_decoder_and_between(sheet: Any, tmp_path: Path) -> None:
    view = model_view(
        encoder_attention=[soft(1, 2, 4, 4)],
        decoder_attention=[soft(1, 2, 3, 3)],
        cross_attention=[soft(1, 2, 3, 4)],
        encoder_tokens="abcd",
        decoder_tokens="xyz",
    )
    view.save(tmp_path / "model.html")
    sheet.goto((tmp_path / "model.html").as_uri())
    sheet.locator("button.small").nth(5).wait_for()
    assert sheet.locator("h3").all_text_contents() == [
        "encoder attention",
        "decoder attention",
        "cross attention",
    ]
    assert sheet.locator(".foot").count() == 1


def test_histograms_tell_entropy_and_the_top_keys_share(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    tab(figure, "Histogram")
    cells = figure.locator("tbody tr").nth(4).locator("td").all_text_contents()
    rows = WEIGHTS[1, 1]
    entropy = -(rows * np.log(rows)).sum(-1).mean()
    assert cells[0] == "1"
    assert float(cells[1]) == pytest.approx(entropy, abs=2e-3)
    assert cells[2] == pytest.approx(f"{100 * entropy / np.log(SIZE):.1f}%")
    assert cells[3] == f"{100 * rows.max(-1).mean():.1f}%"


@pytest.mark.parametrize("sheet", [{"offline": True, "color_scheme": "dark"}], indirect=True)
def test_dark_where_the_reader_prefers_it_and_light_on_demand(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())

    def paper() -> list[int]:
        style = figure.evaluate("one => getComputedStyle(one).backgroundColor")
        return [int(part) for part in re.findall(r"\d+", style)]

    assert max(paper()) < 60
    figure.get_by_role("button", name="◐").click()
    assert min(paper()) > 240


@pytest.mark.parametrize(
    "sheet", [{"offline": True, "viewport": {"width": 380, "height": 700}}], indirect=True
)
def test_nothing_is_wider_than_a_telephone(sheet: Any, tmp_path: Path) -> None:
    figure = opened(sheet, tmp_path, heads())
    for view in ("Alignment", "Lines", "Heads", "Text", "Histogram"):
        tab(figure, view)
        assert sheet.evaluate("document.documentElement.scrollWidth") <= 380


def test_a_notebook_shows_it_in_a_frame_that_reaches_nothing(sheet: Any, tmp_path: Path) -> None:
    notebook = f"<!doctype html><title>cell</title>{Page('Cell', [heads()])._repr_html_()}"
    (tmp_path / "notebook.html").write_text(notebook, encoding="utf-8")
    sheet.goto((tmp_path / "notebook.html").as_uri())
    frame = sheet.frame_locator("iframe")
    frame.locator("canvas.plot").wait_for()
    assert frame.locator("h3").text_content() == "</script><b>three heads</b>"
    with sheet.expect_download():
        frame.get_by_role("button", name="CSV", exact=True).click()


def test_a_hundred_thousand_tokens_stay_usable(sheet: Any, tmp_path: Path) -> None:
    count, top = 100_000, 8
    keys = np.sort(np.random.default_rng(0).integers(0, count, (count, top)), -1)
    tokens = [f" w{place}" for place in range(count)]
    seen = Attended(tokens, tokens, soft(count, top), indices=keys, joins=True, view="text")
    figure = opened(sheet, tmp_path, seen)
    assert (
        "the 8 largest weights are shown, of 100,000"
        in figure.locator(".note").first.text_content()
    )
    assert figure.locator(".token").count() < 5_000
    start = sheet.evaluate("performance.now()")
    for place in range(20):
        figure.locator(".token").nth(place).hover()
    assert (
        sheet.evaluate("performance.now()") - start
    ) / 20 < 500  # milliseconds, mostly the mouse's
    assert "‘w19’ looks at" in figure.locator(".tip").text_content()
    sheet.locator(".passage").evaluate("one => one.scrollTo(0, one.scrollHeight)")
    figure.locator(".token[data-place='99999']").wait_for()
    for view in ("Alignment", "Lines", "Histogram"):
        start = sheet.evaluate("performance.now()")
        tab(figure, view)
        assert sheet.evaluate("performance.now()") - start < 8_000
