"""Bring in, read, assign, sum: the calls of a home."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.errors import NotFoundError, StoreError
from modicum.store import compact, identity
from modicum.store.calls import Added, Calls
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, Usage, new_call_id

START = datetime(2026, 10, 1, tzinfo=UTC)
SCOPES = ["default", "a/b", "ümlaut ☃", "100%", "..", "a=b", "sp ace", "it's \\x", 'q"', "%2F", "con:*?<>|", "12", "null", "x" * 80]


def imported(number: int, scope: str = "default") -> Call:
    at = START + timedelta(hours=number)
    return Call(
        call_id=identity.call_id(at, identity.of_response(scope, f"r{number}")),
        response_id=f"r{number}",
        scope=scope,
        user_id=f"u{number % 7}",
        started_at=at,
        duration_ms=float(number),
        request=b'{"n": %d}' % number,
        response=b"\xff not JSON",
        request_model="gpt-4o",
        response_model="gpt-4o-2024",
        usage=Usage(input_tokens=number, output_tokens=1),
        cost_usd=Decimal("0.000001") * number,
        source="test",
    )


def live(number: int, workload_id: str | None = None, reason: str = "answered") -> Call:
    decision = Decision(answered_by="modicum/bank@12", reason=reason, workload_id=workload_id, version_id="v")  # type: ignore[arg-type]
    return replace(imported(number), call_id=new_call_id(), response_id=f"live{number}", origin="live", decision=decision)


def write(home: Path, calls: Iterable[Call]) -> None:
    writer = SegmentWriter(home)
    for call in calls:
        writer.append(call)


def test_importing_again_adds_nothing(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    assert calls.add(imported(n) for n in range(50)) == Added(50, 0, 0)
    assert calls.add(imported(n) for n in range(60)) == Added(10, 50, 0)
    calls.compact()
    assert calls.add(imported(n) for n in range(60)) == Added(0, 60, 0)
    assert list(calls.scan()) == [imported(n) for n in range(60)]


def test_an_identity_is_known_whatever_time_its_log_gives_it(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    call = imported(1)
    later = START + timedelta(days=9)
    moved = replace(call, started_at=later, call_id=identity.call_id(later, identity.of_response("default", "r1")))
    assert calls.add([call, moved]) == Added(1, 1, 0)
    assert calls.add([imported(1, "other scope")]) == Added(1, 0, 0)


def test_calls_come_in_time_order_wherever_they_are(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    expected = [imported(n) for n in range(60)] + [live(n) for n in range(20, 40)]
    expected.sort(key=lambda call: (call.started_at, call.call_id))
    calls.add(call for call in expected[:30] if call.origin == "import")
    calls.compact()
    calls.add(call for call in expected if call.origin == "import")
    write(tmp_path, (call for call in expected if call.origin == "live"))
    assert list(calls.scan()) == expected
    assert [call.call_id for call in calls.scan(bodies=False)] == [call.call_id for call in expected]
    assert all(call.request is None and call.response is None for call in calls.scan(bodies=False))
    calls.compact()
    assert list(calls.scan()) == expected


@pytest.mark.parametrize("stored", [False, True])
def test_a_scan_gives_what_is_asked_for(tmp_path: Path, stored: bool) -> None:
    calls = Calls(tmp_path)
    calls.add(imported(n) for n in range(100))
    calls.add(imported(n, "b") for n in range(10))
    served = [live(200, "w-live"), live(201)]
    write(tmp_path, served)
    if stored:
        calls.compact()
    calls.assign([(imported(n).call_id, "w-even" if n % 2 == 0 else "w-odd", "v1") for n in range(100)])
    since, until = START + timedelta(hours=10), START + timedelta(hours=30)
    assert [c.response_id for c in calls.scan(scope="default", since=since, until=until)] == [f"r{n}" for n in range(10, 30)]
    assert [c.response_id for c in calls.scan(workload_id="w-even", until=until)] == [f"r{n}" for n in range(0, 30, 2)]
    assert list(calls.scan(workload_id="w-live")) == served[:1]
    assert {c.response_id for c in calls.scan(call_ids=[imported(5).call_id, served[1].call_id])} == {"r5", "live201"}
    assert list(calls.scan(scope="nobody")) == []
    assert len(list(calls.scan(scope="b"))) == 10


def test_assignments_are_replaced_and_read_by_either_id(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    assert list(calls.assignments()) == []
    calls.add(imported(n) for n in range(3))
    write(tmp_path, [live(9, "w")])
    calls.assign([("old", "x", "y")])
    calls.assign((imported(n).call_id, "a", "v") for n in range(2))
    assert sorted(calls.assignments()) == [(imported(n).call_id, "a", "v") for n in range(2)]
    assert list(calls.assignments(by_response_id=True)) == [("r0", "a", "v"), ("r1", "a", "v"), ("live9", "w", "v")]
    calls.compact()
    assert list(calls.assignments(by_response_id=True)) == [("r0", "a", "v"), ("r1", "a", "v"), ("live9", "w", "v")]
    calls.assign([])
    assert list(calls.assignments()) == []


def test_a_call_is_found_by_our_id_and_by_the_response_s(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add([imported(1), imported(30)])
    served = live(2)
    write(tmp_path, [served])
    for _ in range(2):
        assert calls.get("r30") == calls.get(imported(30).call_id) == imported(30)
        assert calls.get("live2") == calls.get(served.call_id) == served
        for unknown in ("", "r2", "x" * 500, "' OR 1=1 --", new_call_id()):
            with pytest.raises(NotFoundError):
                calls.get(unknown)
        calls.compact()


@pytest.mark.parametrize("stored", [False, True])
def test_usage_is_summed_and_what_is_unknown_is_counted(tmp_path: Path, stored: bool) -> None:
    calls = Calls(tmp_path)
    assert calls.usage() == []
    calls.add(imported(n) for n in range(48))
    calls.add([replace(imported(100), usage=Usage(), cost_usd=None, duration_ms=None, status=500)])
    write(tmp_path, [live(3, "w"), live(4, "w"), live(5, "w", "below_threshold")])
    calls.assign([(imported(n).call_id, "a", "v") for n in range(24)])
    if stored:
        calls.compact()
    rows = {(row.workload_id, row.day, row.specialist): row for row in calls.usage()}
    first = rows["a", "2026-10-01", False]
    assert (first.calls, first.input_tokens, first.output_tokens, first.cost_usd) == (24, sum(range(24)), 24, Decimal("0.000276"))
    assert (first.duration_p50_ms, first.calls_without_usage, first.calls_without_cost, first.reasons) == (11.5, 0, 0, ())
    unknown = rows[None, "2026-10-05", False]
    assert (unknown.calls, unknown.failed, unknown.calls_without_usage, unknown.calls_without_cost) == (1, 1, 1, 1)
    assert unknown.duration_p50_ms is None
    assert rows["w", "2026-10-01", True].reasons == (("answered", 2),)
    assert rows["w", "2026-10-01", False].reasons == (("below_threshold", 1),)
    assert sum(row.calls for row in rows.values()) == 52


def test_a_scope_may_have_any_printable_name(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add(imported(number, scope) for scope in SCOPES for number in (1, 2))
    calls.compact()
    for scope in SCOPES:
        assert list(calls.scan(scope=scope)) == [imported(1, scope), imported(2, scope)]
    assert {row.scope for row in calls.usage()} == set(SCOPES)
    assert calls.erase(user_id="u2") == len(SCOPES)
    for scope in SCOPES:
        assert list(calls.scan(scope=scope)) == [imported(1, scope)]


def test_many_small_files_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(tmp_path)
    for number in range(12):
        calls.add([replace(imported(number), started_at=START + timedelta(minutes=number))])
        calls.compact()
    assert len(list((tmp_path / "calls" / "scope=default" / "day=2026-10-01").iterdir())) <= 9
    assert [call.response_id for call in calls.scan()] == [f"r{n}" for n in range(12)]


def test_bodies_go_after_their_days_and_figures_stay(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add(imported(n) for n in range(40))
    calls.compact()
    assert calls.expire_bodies(1) == 0, "what was brought in today is kept, however old its calls are"
    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
    assert compact.expire_bodies(tmp_path, 1, now=tomorrow) == 40
    assert compact.expire_bodies(tmp_path, 1, now=tomorrow) == 0
    assert list(calls.scan()) == [replace(imported(n), request=None, response=None) for n in range(40)]
    assert calls.add(imported(n) for n in range(40)) == Added(0, 40, 0)


def test_nothing_below_the_home_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        calls = Calls(tmp_path / "home")
        calls.add(imported(n) for n in range(5))
        calls.compact()
        calls.assign([(imported(1).call_id, "a", "v")])
        calls.erase(call_id="r3")
        calls.usage()
    finally:
        os.umask(before)
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_home_may_have_most_names_and_the_others_are_refused(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "it's a {home}*, ümläut #1?")
    calls.add([imported(1)])
    calls.compact()
    calls.assign([(imported(1).call_id, "a", "v")])
    assert list(calls.scan(workload_id="a")) == [imported(1)]
    with pytest.raises(StoreError, match="%"):
        Calls(tmp_path / "100%")
