"""A real browser without a window: a test fails where its page writes an error to the console."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.fail("no Chromium is installed: `make test-browser` says how to get one")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def sheet(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A tab; offline, unless the test's parameter gives other options of its context."""
    options = getattr(request, "param", {"offline": True})
    size = {"viewport": {"width": 1000, "height": 900}}
    context = browser.new_context(**(size | options))
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    faults: list[str] = []
    tab.on(
        "console",
        lambda said: faults.append(said.text) if said.type in ("error", "warning") else None,
    )
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on(
        "dialog", lambda dialog: (faults.append("a dialog: " + dialog.message), dialog.dismiss())
    )
    yield tab
    context.close()
    assert not faults, faults
