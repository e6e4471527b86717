"""Take the pictures of the report that the README shows: `python -m docs.screenshots` writes docs/images/report-{light,dark}.png.

What they show is the demo's sample, brought in, fitted and reported on by the command line in a folder that is gone afterwards. It
needs the extra `train`, Playwright for Python, and Chromium on the machine (or its path in MODICUM_BROWSER). No network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright  # type: ignore[import-not-found,unused-ignore]

from demo import sample

IMAGES = Path(__file__).resolve().parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1120, 1240
MOST_BYTES = 300_000
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
"""The same month each time, so that a new picture shows what changed in the page."""
BUDGET = ("--threshold", "USD 50")


def main() -> int:
    browser = os.environ.get("MODICUM_BROWSER") or next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        print("no Chromium on this machine: install the package chromium, or name one in MODICUM_BROWSER", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        page = made(Path(folder))
        IMAGES.mkdir(exist_ok=True)
        for scheme in ("light", "dark"):
            taken = take(page, scheme, browser)
            if len(taken) > MOST_BYTES:
                print(f"the {scheme} picture has {len(taken):,} bytes, more than {MOST_BYTES:,}", file=sys.stderr)
                return 1
            (IMAGES / f"report-{scheme}.png").write_bytes(taken)
            print(f"{IMAGES / f'report-{scheme}.png'}: {len(taken):,} bytes")
    return 0


def made(folder: Path) -> Path:
    """The page on the demo's sample."""
    sample.write(folder / "calls.jsonl", folder / "newest.jsonl", until=UNTIL)
    for words in (("import", "calls.jsonl"), ("workloads",), ("fit",), ("report", *BUDGET, "--html", "report.html")):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")}
        subprocess.run([sys.executable, "-m", "modicum", *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "report.html"


def take(page: Path, scheme: str, browser: str) -> bytes:
    """The page's top as a PNG, in one colour scheme."""
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        context = opened.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light")
        shown = context.new_page()
        shown.goto(page.as_uri())
        taken: bytes = shown.screenshot()
        opened.close()
    return taken


if __name__ == "__main__":
    sys.exit(main())
