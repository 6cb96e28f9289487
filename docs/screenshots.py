"""Takes the pictures of pages in docs/images, in a real browser, of a translator of dates: a
Transformer, which is trained first where its run is not there yet (some minutes).

Run:    make screenshots
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES, RUN = ROOT / "docs" / "images", ROOT / "runs" / "screens"
REGARD = (sys.executable, "-m", "regard.cli")
TRAIN = (
    *("--model.attention", "transformer", "--model.layers", "2", "--model.heads", "4"),
    *("--model.hidden", "128", "--trainer.max_steps", "900"),
)
DAY = "mardi 14 juillet 1789"


def main() -> None:
    if not (RUN / "report.html").exists():
        command = [*REGARD, "train", "translator", "dates", *TRAIN, "--run", str(RUN)]
        subprocess.run([*command, "--overwrite"], check=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder, "page.html")
        subprocess.run([*REGARD, "explain", str(RUN), DAY, "-o", str(page)], check=True)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        explained(browser, page)
        with serving() as address:
            served(browser, address)
        browser.close()


def opened(browser: Any, address: str, scheme: str = "light") -> Any:
    tab = browser.new_page(
        viewport={"width": 860, "height": 1000}, color_scheme=scheme, device_scale_factor=1.5
    )
    tab.goto(address)
    return tab


def save(part: Any, name: str) -> None:
    part.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png", flush=True)


def explained(browser: Any, page: Path) -> None:
    tab = opened(browser, page.as_uri())
    panels = tab.locator("figure.regard")
    panels.nth(3).locator("canvas").first.wait_for()
    save(panels.nth(0), "page_alignment")
    encoder = panels.nth(1)
    encoder.get_by_role("tab", name="Heads").click()
    save(encoder, "page_heads")
    between = opened(browser, page.as_uri(), "dark").locator("figure.regard").nth(3)
    between.get_by_role("tab", name="Lines").click()
    between.scroll_into_view_if_needed()
    between.locator("canvas.plot").hover(position={"x": 100, "y": 11})
    save(between, "page_lines")


@contextmanager
def serving() -> Iterator[str]:
    process = subprocess.Popen(
        [*REGARD, "serve", str(RUN), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().rpartition(" at ")[2].split()[0]
    finally:
        process.terminate()
        process.wait()


def served(browser: Any, address: str) -> None:
    tab = opened(browser, address)
    tab.locator("textarea").first.fill(DAY)
    tab.get_by_role("button", name="Answer").click()
    tab.locator("figure.regard canvas, .regard canvas").first.wait_for()
    tab.wait_for_timeout(500)
    save(tab, "page_served")


if __name__ == "__main__":
    main()
