"""A frame of `modicum top`: its arithmetic against calls whose truth is known, and its lines at every width."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from modicum.cli.top_text import draw
from modicum.config import Config
from modicum.gateway.telemetry import Telemetry
from modicum.report.top import SORTS, Frame, Look, frame, quantile, restarted
from modicum.store import snapshot, watched
from modicum.store.codec import record
from modicum.store.snapshot import Snapshot
from modicum.store.watched import Watched, WatchedRoute
from modicum.types import Decision, Notice
from modicum.wire.prometheus import samples
from tests.gateway.test_telemetry import called
from tests.gateway.test_workload_figures import live_route, workload

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@contextmanager
def world(home: Path) -> Iterator[Telemetry]:
    """A gateway with a route that is on."""
    snapshot.write(home, Snapshot(version="1", workloads=(workload("w-1", "bank-intent"),), routes=(live_route("on"),)))
    seen = WatchedRoute(
        route_id="r-1", workload_id="w-1", workload="bank-intent", scope="default", state="on", changed_at=AT, share=1.0, audits=412,
        lost=1.0, level=0.05, suspicion=0.25, waiting=0, warnings=1, last_audit_at=AT,
    )  # fmt: skip
    watched.write(home, Watched(at=AT, routes=(seen,), notices={"alarm": 1}))
    telemetry = Telemetry.open(Config(), home)
    try:
        yield telemetry
    finally:
        telemetry.close()


def look(telemetry: Telemetry, seconds: float = 0.0) -> Look:
    return Look(AT + timedelta(seconds=seconds), samples(asyncio.run(telemetry.render())))


def answer(telemetry: Telemetry, reason: Any, times: int = 1, *, usd: str = "0.5", ms: float = 800.0, **more: Any) -> None:
    ours = reason == "answered"
    about: dict[str, Any] = {"answered_by": "modicum/w@1" if ours else "gpt-4", "reason": reason, "workload_id": "w-1", "route_id": "r-1"}
    for _ in range(times):
        call = called(
            decision=Decision(**about | more),
            cost_usd=Decimal(0) if ours else Decimal(usd),
            duration_ms=ms,
            provider=None if ours else "upstream",
        )
        telemetry.observe(record(call), overhead_ms=0.4)


def busy(telemetry: Telemetry) -> None:
    """Of 100 calls: 60 ours, 8 control that would have been ours (one differs), 2 control that not, 30 deferred."""
    answer(telemetry, "answered", 60, ms=0.8, would_answer=True)
    answer(telemetry, "control", 7, would_answer=True, agreed=True)
    answer(telemetry, "control", 1, would_answer=True, agreed=False)
    answer(telemetry, "control", 2, would_answer=False, usd="2")
    answer(telemetry, "below_threshold", 30, would_answer=False, usd="2")


def test_a_frame_says_who_answered_what_it_cost_and_what_it_would_have_cost(tmp_path: Path) -> None:
    with world(tmp_path) as telemetry:
        before = look(telemetry)
        busy(telemetry)
        shown = frame(look(telemetry, 10), before)
    assert (shown.requests, shown.requests_s, shown.seconds, shown.whole_run) == (100, 10.0, 10.0, False)
    assert (shown.specialist, shown.control, shown.deferred, shown.provider, shown.nobody) == (0.6, 0.1, 0.3, 0.0, 0.0)
    (line,) = shown.lines
    assert (line.workload, line.state, line.requests_s) == ("bank-intent", "on", 10.0)
    assert line.coverage == pytest.approx(0.68) and line.compared == 8 and line.agreement == 0.875
    assert line.spend_usd == pytest.approx(68.0), "8 at 0.5 and 32 at 2"
    assert line.baseline_usd == pytest.approx(98.0), "and 60 at what chance says they take: 0.5, not the mean of all"
    assert shown.spend_usd == pytest.approx(68.0) and shown.baseline_usd == pytest.approx(98.0)
    assert line.ours_p50_ms is not None and line.ours_p50_ms < 1.0 and line.theirs_p50_ms is not None and 500 <= line.theirs_p50_ms <= 1000
    assert (line.audits, line.suspicion, line.warnings) == (412, 0.25, 1) and shown.watched_s == 10.0 and shown.noticed == {"alarm": 1}


def test_what_the_last_minute_lacks_is_taken_from_the_run_and_what_nobody_knows_stays_unknown(tmp_path: Path) -> None:
    with world(tmp_path) as telemetry:
        answer(telemetry, "answered", 3, ms=0.8, would_answer=True)
        first = frame(look(telemetry, 1))
        assert first.whole_run and first.lines[0].baseline_usd is None and first.baseline_usd is None and first.lines[0].agreement is None
        answer(telemetry, "control", 4, would_answer=True, agreed=True)
        before = look(telemetry, 2)
        answer(telemetry, "answered", 2, ms=0.8, would_answer=True)
        shown = frame(look(telemetry, 4), before)
    assert shown.lines[0].agreement == 1.0 and shown.lines[0].spend_usd == 0 and shown.lines[0].baseline_usd == pytest.approx(1.0)
    nothing = frame(Look(AT, {}))
    assert nothing.requests == 0 and nothing.specialist is None and nothing.requests_s is None and nothing.spend_usd is None
    assert nothing.p95_ms is None and nothing.watched_s is None and nothing.lines == ()


def test_a_gateway_that_began_anew_is_known_by_counts_that_went_back(tmp_path: Path) -> None:
    with world(tmp_path) as telemetry:
        busy(telemetry)
        full = look(telemetry).samples
    with world(tmp_path / "other") as telemetry:
        empty = look(telemetry).samples
    assert restarted(empty, full) and not restarted(full, full) and not restarted(full, empty)


@given(st.lists(st.floats(0.0006, 70), min_size=20, max_size=200), st.sampled_from((0.5, 0.9, 0.95)))
def test_a_quantile_lies_in_the_bucket_where_the_true_one_is(values: list[float], share: float) -> None:
    bounds = (0.0005, 0.001, 0.01, 0.1, 1.0, 10.0, 80.0, float("inf"))
    found = quantile({bound: float(sum(value <= bound for value in values)) for bound in bounds}, share)
    true = sorted(values)[max(-int(-share * len(values) // 1) - 1, 0)]
    low = max((bound for bound in bounds if bound < true), default=0.0)
    high = min(bound for bound in bounds if bound >= true)
    assert found is not None and low * 1000 - 1e-6 <= found <= high * 1000 + 1e-6


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    with world(tmp_path_factory.mktemp("drawn")) as telemetry:
        busy(telemetry)
        for number in range(40):
            answer(telemetry, "no_route", workload_id=f"工作 \x1b[31m {number}", route_id=None)
        telemetry.alarm("store")
        about: dict[str, Any] = {"at": AT, "scope": "default", "workload_id": "w-1", "workload": "bank-intent"}
        notices = [Notice(number=n, kind="alarm", text=f"notice {n}\nof two \x1b[2J lines " + "long " * 40, **about) for n in (1, 2, 3)]
        return frame(look(telemetry, 5), notices=notices)


@pytest.mark.parametrize("width", [60, 80, 104, 200])
@pytest.mark.parametrize("height", [None, 1, 10, 24, 60])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_screen_and_nothing_steers_it(drawn: Frame, width: int, height: int | None, colour: bool) -> None:
    lines = draw(drawn, width=width, height=height, colour=colour, place="x" * 200, note="[q]uit")
    assert height is None or len(lines) == height
    for text in lines:
        plain = re.sub(r"\x1b\[\d+m", "", text) if colour else text
        assert "\x1b" not in plain and "\n" not in plain and cell_len(plain) <= width
    assert height is None or lines[-1].endswith("[q]uit" + ("\x1b[0m" if colour else ""))


def test_eighty_columns_hold_all_that_is_promised(drawn: Frame) -> None:
    text = "\n".join(draw(drawn, width=80))
    for word in (
        "requests/s",
        "specialist 43%",
        "control 7%",
        "deferred 21%",
        "p95",
        "spent",
        "at the incumbent",
        "1 alarm (store)",
        "notice 3",
    ):
        assert word in text, word
    row = next(line for line in text.splitlines() if line.startswith("bank-intent"))
    assert "on" in row and "68%" in row and "87.5%" in row and "$68.00" in row and "$98.00" in row


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_shows_every_workload(tmp_path: Path, sort: Any) -> None:
    with world(tmp_path) as telemetry:
        answer(telemetry, "no_route", 2, workload_id="a", route_id=None)
        answer(telemetry, "control", 1, would_answer=True)
        lines = frame(look(telemetry, 1), sort=sort).lines
    assert {line.workload for line in lines} == {"a", "bank-intent"}
    first = {"requests": "a", "spend": "a", "suspicion": "bank-intent", "name": "a"}
    assert lines[0].workload == first[sort]
