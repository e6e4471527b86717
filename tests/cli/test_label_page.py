"""The page for labelling, in a real browser and at the wire: keys, undo, reload, resume; who may use it; hostile texts stay texts."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modicum.evaluate.labels import Label
from tests.cli.labelling import HOSTILE, Waiting, asking
from tests.report import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page  # type: ignore[import-not-found,unused-ignore]

needs_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture
def here(tmp_path: Path) -> Waiting:
    return asking(tmp_path)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.opened() as found:
        yield found


class Served:
    """The command, its address and what it said at its end."""

    def __init__(self, here: Waiting, by: str = "ann") -> None:
        words = ["label", here.workload.name, "--web", "--no-open", "--by", by, "--home", str(here.config.home)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modicum", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"http://(\S+)/#(\S+)", self.process.stdout.readline())
        assert found is not None
        self.address, self.ticket = found[1], found[2]
        self.url = found[0]

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=30)

    def end(self) -> tuple[str, str]:
        said, complained = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return said, complained

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        sent = {"host": self.address, "content-type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        reply = connection.getresponse()
        told = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        connection.close()
        return told


def opened(chromium: Browser, url: str, scheme: str = "light", width: int = 1200) -> tuple[Page, list[str]]:
    page = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 844}).new_page()  # type: ignore[arg-type,unused-ignore]
    page.set_default_timeout(120_000)  # a busy machine is no failure
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.goto(url)
    page.wait_for_selector("#ask:not([hidden]), #end:not([hidden]), #trouble:not([hidden])")
    return page, heard


def press(page: Page, key: str, settled: int) -> None:
    """A key, and wait until so many are labelled."""
    page.keyboard.press(key)
    page.locator("#progress", has_text=re.compile(rf"^{settled} of ")).wait_for()


@needs_browser
def test_ten_calls_by_keys_undo_reload_resume_and_end(chromium: Browser, here: Waiting) -> None:
    with Served(here) as served:
        page, heard = opened(chromium, served.url)
        assert "#" not in page.url, "the ticket is gone from the address"
        for settled, key in enumerate("12bn12bn12", 1):
            press(page, key, settled)
        press(page, "u", 9)
        page.reload()
        page.wait_for_selector("#ask:not([hidden])")
        assert page.inner_text("#progress").startswith("9 of 31")
        page.keyboard.press("l")
        page.keyboard.type("dam")
        press(page, "Enter", 10)
        page.keyboard.press("s")
        page.locator("#heard", has_text="skipped").wait_for()  # a key that is pressed before its answer came is not meant for the next call
        page.keyboard.press("q")
        page.wait_for_selector("#end:not([hidden])")
        assert page.inner_text("#end-title") == "10 of 31 labelled" and page.is_visible("#resume") and not page.is_visible("#enough")
        page.click("#finish")
        page.locator("#end-said", has_text="close this page").wait_for()
        said, complained = served.end()
        assert "10 of 31 labelled" in said and complained == "" and heard == []
    words = [here.desk().said(question.id) for question in here.desk().questions[:11]]
    assert words[:4] == [Label(verdict=word) for word in ("a", "b", "both", "neither")]
    assert words[9] == Label(gold="damaged") and words[10] is None
    with Served(here) as served:
        page, _ = opened(chromium, served.url)
        assert page.inner_text("#progress").startswith("10 of 31")


@needs_browser
def test_the_last_label_ends_it_and_names_what_comes_next(chromium: Browser, here: Waiting) -> None:
    desk = here.desk()
    for question in desk.questions[:-1]:
        desk.label(question.id, gold=here.gold[question.id])
    with Served(here) as served:
        page, _ = opened(chromium, served.url)
        press(page, "1", 31)
        assert page.inner_text("#end-title") == "Every call is labelled"
        assert page.inner_text("#end-command") == f"modicum fit {here.workload.name}"
        assert browser.violations(page) == []
        press(page, "u", 30)
        assert page.is_visible("#ask")


@needs_browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_a_hostile_text_is_a_text_and_axe_finds_nothing(chromium: Browser, here: Waiting, scheme: str, width: int) -> None:
    here.spoil()
    with Served(here) as served:
        page, heard = opened(chromium, served.url, scheme, width)
        page.wait_for_timeout(100)
        shown = page.inner_text("#slots") + page.inner_text("#pair")
        assert "<script>document.title=1</script>" in shown and "\\u202e" in shown and "\u202e" not in shown
        page.click("summary")
        assert page.inner_text("#prompt-text") == "Sort messages: <b>lost</b> or late.\n\nMessage:"
        assert page.title() == f"Label {here.workload.name}" and heard == []
        assert page.evaluate("document.querySelectorAll('main img, main script, main b').length") == 0
        assert browser.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        bar, last = page.locator("#actions").bounding_box(), page.locator("#choices").bounding_box()
        assert bar is not None and last is not None
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        reached = page.locator("#choices").bounding_box()
        assert reached is not None and reached["y"] + reached["height"] <= bar["y"] + 1, "the bar hides nothing for good"


@needs_browser
def test_everything_is_done_without_a_mouse(chromium: Browser, here: Waiting) -> None:
    with Served(here) as served:
        page, _ = opened(chromium, served.url)
        names: list[str] = []
        for _ in range(30):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.verdict || ''"))
        assert {"a", "b", "both", "neither", "skip", "undo", "stop", "filter"} <= set(names)
        page.focus("[data-verdict=neither]")
        press(page, "Enter", 1)
        assert page.inner_text("#heard").startswith("neither is right. 1 of 31")


@needs_browser
def test_a_page_left_behind_says_that_nothing_is_lost(chromium: Browser, here: Waiting) -> None:
    with Served(here) as served:
        page, _ = opened(chromium, served.url)
        press(page, "1", 1)
    page.keyboard.press("2")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "is kept" in page.inner_text("#trouble") and here.desk().standing().settled == 1


def test_only_who_opened_it_first_may_use_it(here: Waiting) -> None:
    with Served(here) as served:
        status, headers, _ = served.ask("GET", "/")
        assert (
            status == 200
            and "default-src 'none'" in headers["content-security-policy"]
            and "script-src 'self'" in headers["content-security-policy"]
        )
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        assert served.ask("POST", "/begin", {})[0] == 401
        assert served.ask("POST", "/enter", {"ticket": "guessed"})[0] == 401
        status, _, body = served.ask("POST", "/enter", {"ticket": served.ticket}, origin=f"http://{served.address}")
        secret = json.loads(body)["secret"]
        assert status == 200 and served.ask("POST", "/enter", {"ticket": served.ticket})[0] == 401, "it works once"
        first = json.loads(served.ask("POST", "/begin", {}, x_modicum_label=secret)[2])["question"]["id"]

        def say(body: object, **headers: str) -> int:
            return served.ask("POST", "/say", body, **({"x_modicum_label": secret} | headers))[0]

        label = {"id": first, "verdict": "a"}
        assert say(label, host="evil.example") == 403
        assert say(label, host="127.0.0.1:1") == 403
        assert say(label, origin="https://evil.example") == 403
        assert say(label, origin="http://127.0.0.1:1") == 403
        assert say(label, sec_fetch_site="cross-site") == 403
        assert say(label, x_modicum_label="guessed") == 401
        assert say(label, x_modicum_label="gu\xe9ssed") == 401
        assert say(label, content_type="text/plain") in (404, 405, 415)
        assert served.ask("GET", "/say", x_modicum_label=secret)[0] in (404, 405)
        assert served.ask("GET", "/../label.py")[0] == 404 and served.ask("GET", "/label.html")[0] == 404
        assert say({"id": "elsewhere", "verdict": "a"}) >= 400 and say({"id": first, "verdict": "c"}) == 400 and say([1]) == 400
        assert say({"id": first, "gold": "x" * 300_000}) == 413
        assert here.desk().standing().settled == 0, "nothing of this was taken"
        assert say(label) == 200 and here.desk().standing().settled == 1


def test_it_listens_on_this_machine_alone(here: Waiting) -> None:
    words = ["label", here.workload.name, "--web", "--no-open", "--listen", "0.0.0.0:0", "--home", str(here.config.home)]
    refused = subprocess.run([sys.executable, "-m", "modicum", *words], capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "other machines" in refused.stderr


def test_what_is_hostile_is_hostile() -> None:
    assert "<script>" in HOSTILE and "\u202e" in HOSTILE and "\x1b" in HOSTILE
