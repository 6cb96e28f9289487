"""The served page in a browser: a typed sentence, an image, errors, a token; and nothing of them
runs or leaves the machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regard.serve.limits import Limits
from tests.serve.asking import Client, serving
from tests.serve.systems import runs, served

EVIL = "<img src=x onerror=alert(1)>"
TOKEN = "a-token-of-some-length"
online = pytest.mark.parametrize("sheet", [{"offline": False}], indirect=True)
dark = pytest.mark.parametrize("sheet", [{"offline": False, "color_scheme": "dark"}], indirect=True)


@pytest.fixture(scope="module")
def ask() -> Iterator[Client]:
    with serving(runs(), Limits(longest=100)) as client:
        yield client


def opened(sheet: Any, port: int, run: str | None = None, behind: str = "") -> list[str]:
    """Open the page and choose a run; the addresses that are asked for from now on."""
    asked: list[str] = []
    sheet.on("request", lambda request: asked.append(request.url))
    sheet.goto(f"http://127.0.0.1:{port}/{behind}")
    sheet.locator("#answer:enabled").wait_for()
    if run is not None:
        sheet.get_by_label("Run", exact=True).select_option(run)
    return asked


def wait_for_panel(sheet: Any) -> Any:
    sheet.locator("#panels .regard .view canvas, #panels .regard .token").first.wait_for()
    return sheet.locator("#panels .regard").first


@online
def test_a_typed_sentence_is_answered_with_what_it_attended_to(sheet: Any, ask: Client) -> None:
    asked = opened(sheet, ask.port, "translator")
    sheet.locator("textarea").fill("abc")
    sheet.keyboard.press("Control+Enter")
    figure = wait_for_panel(sheet)
    (own,) = served("translator").trained.predict(["abc"], None)
    assert sheet.locator("#line").text_content() == own.line
    assert figure.get_by_role("tab").count() > 2
    for tab in figure.get_by_role("tab").all():
        tab.click()
    sheet.get_by_text("Options").click()
    sheet.get_by_label("max_length").fill("1")
    sheet.get_by_role("button", name="Answer", exact=True).click()
    sheet.wait_for_function("document.getElementById('line').textContent.length <= 1")
    wait_for_panel(sheet)
    assert all(url.startswith((f"http://127.0.0.1:{ask.port}/", "data:", "blob:")) for url in asked)


@online
@pytest.mark.parametrize("run", ["classifier", "translator", "language_model", "reader"])
def test_markup_is_text_and_nothing_of_it_runs(run: str, sheet: Any, ask: Client) -> None:
    opened(sheet, ask.port, run)
    for area in sheet.locator("textarea").all():
        area.fill(f"to be {EVIL}")
    sheet.get_by_role("button", name="Answer", exact=True).click()
    wait_for_panel(sheet)
    assert sheet.locator("img[src=x]").count() == 0
    shown = sheet.locator("#panels").text_content()
    if run in ("classifier", "reader"):
        assert "onerror" in shown
    if run == "language_model":
        assert EVIL in sheet.locator("#line").text_content()


@dark
def test_an_image_may_be_chosen_dropped_and_pasted(sheet: Any, ask: Client, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    opened(sheet, ask.port, "captioner")
    sheet.get_by_role("button", name="Answer", exact=True).click()
    assert sheet.locator("#status").text_content() == "Choose an image first."
    sheet.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
    sheet.locator(".drop[data-ready=true]").wait_for()
    sheet.get_by_role("button", name="Answer", exact=True).click()
    wait_for_panel(sheet)
    line = sheet.locator("#line").text_content()
    handed = """async ([name, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "noise.png", { type: "image/png" }));
        const zone = document.querySelector(".drop");
        zone.dataset.ready = "false";
        const paste = { clipboardData: data, bubbles: true };
        const event = name === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", paste);
        zone.dispatchEvent(event);
    }"""
    for name in ("drop", "paste"):
        sheet.get_by_label("Run", exact=True).select_option("draw")
        sheet.get_by_label("Run", exact=True).select_option("captioner")
        sheet.evaluate(handed, [name, list((tmp_path / "noise.png").read_bytes())])
        sheet.locator(".drop[data-ready=true]").wait_for()
        assert sheet.locator(".drop img").is_visible()
        sheet.get_by_role("button", name="Answer", exact=True).click()
        wait_for_panel(sheet)
        assert sheet.locator("#line").text_content() == line


@online
def test_draw_imagines_and_walks(sheet: Any, ask: Client) -> None:
    opened(sheet, ask.port, "draw")
    sheet.get_by_role("button", name="Answer", exact=True).click()
    wait_for_panel(sheet)
    assert sheet.locator(".strip button").count() > 1  # a frame a step


@online
def test_a_token_is_kept_out_of_the_address(sheet: Any) -> None:
    with serving(runs("classifier"), token=TOKEN) as ask:
        opened(sheet, ask.port, behind=f"#token={TOKEN}")
        assert TOKEN not in sheet.url
        sheet.locator("textarea").fill("Good food.")
        sheet.get_by_role("button", name="Answer", exact=True).click()
        wait_for_panel(sheet)
        sheet.reload()
        sheet.locator("#answer:enabled").wait_for()
        with sheet.expect_download() as found:
            sheet.locator("#api").click()
        assert '"openapi": "3.1.0"' in Path(found.value.path()).read_text()


def test_errors_are_told_in_words(browser: Any, ask: Client) -> None:
    # Not in a sheet: the browser itself writes to its console that a response was no success.
    context = browser.new_context()
    tab = context.new_page()
    opened(tab, ask.port, "classifier")
    tab.locator("textarea").fill("a" * 101)
    tab.get_by_role("button", name="Answer", exact=True).click()
    tab.locator("#status.wrong").wait_for()
    told = tab.locator("#status").text_content()
    assert told == "text has 101 characters; at most 100 are answered."
    tab.locator("textarea").fill("Good.")
    tab.route("**/api/predict", lambda route: route.abort())
    tab.get_by_role("button", name="Answer", exact=True).click()
    tab.get_by_text("The server cannot be reached.").wait_for()
    with serving(runs("classifier"), token=TOKEN) as closed:
        tab.goto(f"http://127.0.0.1:{closed.port}/")
        tab.get_by_text("open the page with #token=TOKEN").wait_for()
    context.close()
