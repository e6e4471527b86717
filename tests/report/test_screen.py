"""What a terminal shows without `--full`: no more than a screen, of anything."""

from __future__ import annotations

import dataclasses

import pytest

from modicum.report import screen, text
from tests.report.everything import everything
from tests.report.records import days, report, row, workload
from tests.report.test_lead import made
from tests.report.test_page import HOSTILE

SCREEN = 40


def test_it_fits_on_a_screen_whatever_there_is() -> None:
    ids = [f"w{number}" for number in range(300)]
    usage = [row(0, workload_id=own, scope=f"s{number % 20}", request_model=f"m{number % 40}") for number, own in enumerate(ids)]
    crowd = report(usage, workloads=[workload(own, scope=f"s{number % 20}") for number, own in enumerate(ids)])
    for it in (crowd, everything(), made(), report(days(3))):
        shown = screen.render(it, width=110).splitlines()
        assert len(shown) <= SCREEN
        assert max(map(len, shown)) <= 110
    assert len(text.render(crowd).splitlines()) > 300


def test_it_says_what_counts_and_how_to_see_the_rest() -> None:
    shown = screen.render(everything())
    for part in (
        "Over budget",
        "By model: ",
        "By scope: ",
        "Retired or retiring: ",
        "Data: ",
        "Not known, or left out: ",
        "MYR",
        "--full",
        "--html",
    ):
        assert part in shown, part
    bare = screen.render(report(days(3)))
    for part in ("Budget", "By scope", "Retired", "Not known"):
        assert part not in bare, part


def test_what_no_call_covers_is_said() -> None:
    it = dataclasses.replace(report(days(3)), beside=("Beside these calls, exports tell of $9.",))
    assert "Beside these calls, exports tell of $9." in screen.render(it)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_log_steers_the_terminal(hostile: str) -> None:
    shown = screen.render(everything(hostile))
    assert "\x1b" not in shown and "\u202e" not in shown and "\r" not in shown
