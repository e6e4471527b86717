"""A real browser, where the machine has one: Chromium through Playwright, with axe-core at hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page  # type: ignore[import-not-found,unused-ignore]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def missing() -> str:
    """What stands in the way of a browser test; empty where nothing does."""
    lacking = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
    if lacking:
        return f"{' and '.join(lacking)} not installed"
    return "" if path() else "no Chromium on this machine: install the package chromium, or name one in MODICUM_BROWSER"


def path() -> str | None:
    named = os.environ.get("MODICUM_BROWSER")
    return named or next((found for found in map(shutil.which, NAMES) if found), None)


@contextmanager
def opened() -> Iterator[Browser]:
    """Without a sandbox, as containers have none to give, and without a thought of the network."""
    from playwright.sync_api import sync_playwright  # type: ignore[import-not-found,unused-ignore]

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Page) -> list[tuple[str, str]]:
    """(rule, first element) of everything that axe-core finds: WCAG 2.2 A and AA, and its best practices."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    return [(rule["id"], rule["nodes"][0]["html"][:300]) for rule in found]
