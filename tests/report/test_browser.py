"""The page in a real browser: light, dark, narrow, on paper, by keyboard; nothing fetched, nothing run, axe-core finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modicum.report import page
from tests.report import browser
from tests.report.everything import everything
from tests.report.records import days, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page  # type: ignore[import-not-found,unused-ignore]

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
NAMES = ["bank-intent", "تصنيف الشكاوى", "x" * 300, "புகார் வகைப்படுத்தல் மற்றும் அனுப்புதல்"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.opened() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part, and one with none."""
    folder = tmp_path_factory.mktemp("pages")
    for number, name in enumerate(NAMES):
        (folder / f"full{number}.html").write_text(page.render(everything(name)), encoding="utf-8")
    (folder / "bare.html").write_text(page.render(report(days(1, workload_id=None))), encoding="utf-8")
    return folder


def visit(chromium: Browser, path: Path, **context: Any) -> tuple[Page, list[str]]:
    """The page, and what it asked for or complained of."""
    shown = chromium.new_context(**context).new_page()
    heard: list[str] = []
    shown.on("request", lambda request: heard.append(request.url))
    shown.on("console", lambda message: heard.append(message.text))
    shown.on("pageerror", lambda error: heard.append(str(error)))
    shown.goto(path.as_uri())
    return shown, heard


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("full0", "light", 1200), ("full0", "dark", 1200), ("full0", "light", 375), ("full1", "dark", 375), ("bare", "light", 1200)],
)
def test_axe_finds_nothing(chromium: Browser, written: Path, name: str, scheme: str, width: int) -> None:
    shown, heard = visit(chromium, written / f"{name}.html", color_scheme=scheme, viewport={"width": width, "height": 800})
    assert heard == [(written / f"{name}.html").as_uri()]
    shown.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.violations(shown) == []


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_nothing_sticks_out_on_a_telephone(chromium: Browser, written: Path, number: int) -> None:
    shown, _ = visit(chromium, written / f"full{number}.html", viewport={"width": 375, "height": 800})
    assert shown.evaluate("document.documentElement.scrollWidth") == 375


def test_scripts_have_no_way_in(chromium: Browser, written: Path) -> None:
    shown, heard = visit(chromium, written / "full0.html")
    shown.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.invalid/x.png\" onerror=\"document.title=1\">')"
    )
    shown.wait_for_timeout(50)
    assert shown.title().startswith("AI cost report")
    assert any("Content Security Policy" in line for line in heard)


def test_everything_is_reached_by_keyboard(chromium: Browser, written: Path) -> None:
    shown, _ = visit(chromium, written / "full0.html")
    reachable = shown.evaluate("document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length")
    reached = set()
    for _ in range(reachable + 5):
        shown.keyboard.press("Tab")
        mark = "document.activeElement === document.body ? '' : Array.from(document.querySelectorAll('*')).indexOf(document.activeElement)"
        reached.add(shown.evaluate(mark))
    closed = shown.evaluate(
        "Array.from(document.querySelectorAll('details:not([open]) *')).filter(one => one.matches('[tabindex]')).length"
    )
    assert len(reached - {""}) >= reachable - closed
    shown.evaluate("document.querySelector('summary').focus()")
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.querySelector('details').open")


def test_each_drawing_says_itself_and_has_its_table(chromium: Browser, written: Path) -> None:
    shown, _ = visit(chromium, written / "full0.html")
    drawings = shown.evaluate("Array.from(document.querySelectorAll('[role=img]')).map(one => one.getAttribute('aria-label'))")
    assert len(drawings) == 2 and all(len(label) > 30 for label in drawings)
    assert shown.evaluate(
        "document.querySelectorAll('figure [role=img]').length === document.querySelectorAll('figure details table').length"
    )
    assert shown.evaluate("Array.from(document.querySelectorAll('svg')).every(one => one.getAttribute('aria-hidden') === 'true')")


def test_colours_turn_dark_and_paper_is_white(chromium: Browser, written: Path) -> None:
    def background(scheme: str, media: str) -> str:
        shown, _ = visit(chromium, written / "full0.html", color_scheme=scheme)
        shown.emulate_media(media=media)  # type: ignore[arg-type,unused-ignore]
        return str(shown.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    assert background("light", "screen") == background("dark", "print") == "rgb(255, 255, 255)"
    assert background("dark", "screen") == "rgb(20, 23, 26)"


def test_it_prints_on_a4_without_cutting_anything_off(chromium: Browser, written: Path) -> None:
    shown, _ = visit(chromium, written / "full0.html", viewport={"width": 690, "height": 1000})
    shown.emulate_media(media="print")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 690
    assert shown.pdf(prefer_css_page_size=True, format="A4").startswith(b"%PDF")


def test_arabic_names_run_from_right_to_left(chromium: Browser, written: Path) -> None:
    shown, _ = visit(chromium, written / "full1.html")
    assert shown.evaluate("getComputedStyle(document.querySelector('article h3 bdi')).unicodeBidi") == "isolate"
    assert shown.evaluate("getComputedStyle(document.querySelector('pre .said')).direction") == "rtl"
