"""The report for a terminal."""

import pytest

from modicum.report import text
from tests.report.records import certificate, certified, days, report, route, row, workload
from tests.report.test_page import HOSTILE, full


def test_headline_figures_table_sentence_notes() -> None:
    shown = text.render(report(days(30), verdicts=[certified()]))
    lines = shown.splitlines()
    assert lines[0].startswith("Small models could answer 48\u00a0% of these calls and save $")
    assert "saving a month, net" in shown
    assert "name-of-w1" in shown and "proposed" in shown
    assert "Of 100 distinct requests at most 1 gets an answer that differs from big's." in shown
    assert "One certificate at 95\u00a0%" in shown


def test_it_fits_the_width() -> None:
    for width in (80, 120, 200):
        assert max(map(len, text.render(full(), width=width).splitlines())) <= width


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_log_steers_the_terminal(hostile: str) -> None:
    shown = text.render(full(hostile), colour=False)
    assert not any(char != "\n" and ord(char) < 32 for char in shown)
    assert "\u202e" not in shown


def test_markup_of_the_terminal_library_is_plain_text() -> None:
    assert "[bold red]x[/]" in text.render(report(days(3), workloads=[workload(name="[bold red]x[/]")]))


def test_unknown_is_said_with_the_way_to_set_it() -> None:
    shown = text.render(report([row(0, request_model="ours", response_model="ours")]))
    assert 'Unknown cost: 100 calls to ours (no price: [prices."ours"] in modicum.toml sets it)' in shown


def test_live_paused_and_rolled_back() -> None:
    usage = days(5) + days(5, specialist=True, response_model="modicum/x", reasons=(("answered", 100),), duration_p50_ms=0.3)
    on = text.render(report(usage, routes=[route(state="on")], certificates=[certificate()]))
    assert "live: 500 of 500 calls answered by the specialist in 0.3 ms against 700 ms (medians)." in on
    assert "saved so far: $6.00." in on
    off = text.render(report(days(5), routes=[route(state="paused")], certificates=[certificate()]))
    assert "switched off by a person" in off
    back = text.render(report(days(5), routes=[route(state="rolled_back")], certificates=[certificate()]))
    assert "rolled back" in back and "sent back, by an alarm or a person" in back and "1 certified once and stopped" in back
