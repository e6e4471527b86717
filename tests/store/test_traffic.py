"""What the store counts of calls made by hand: every figure here was worked out on paper."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.store.calls import Calls
from modicum.store.segments import SegmentWriter
from modicum.store.traffic import looked_at
from modicum.types import Call, Decision, Usage, new_call_id

START = datetime(2026, 10, 1, 9, tzinfo=UTC)


def call(minutes: float, *messages: tuple[str, str], **fields: Any) -> Call:
    asked = {"model": "big", "messages": [{"role": role, "content": text} for role, text in messages]}
    defaults: dict[str, Any] = {
        "request": json.dumps(asked).encode() if messages else None,
        "response": b"{}",
        "duration_ms": 1000.0,
        "request_model": "big",
        "response_model": "big",
        "usage": Usage(input_tokens=100, output_tokens=10),
    }
    return Call(call_id=new_call_id(), started_at=START + timedelta(minutes=minutes), **defaults | fields)


def store(home: Path, calls: Sequence[Call], *, compacted: bool = True) -> Calls:
    found = Calls(home)
    writer = SegmentWriter(home)
    for one in calls:
        writer.append(one)
    writer.close()
    if compacted:
        found.compact()
    return found


@pytest.mark.parametrize("compacted", [True, False])
def test_repeats_within_a_day_of_what_was_answered(tmp_path: Path, compacted: bool) -> None:
    hour = 60.0
    asked = [
        call(0, ("user", "a")),
        call(hour, ("user", "a")),  # again
        call(hour + 0.01, ("user", "a")),  # the one before is still under way
        call(26 * hour, ("user", "a")),  # more than a day later
        call(49 * hour, ("user", "a")),  # again: 23 hours later
        call(0, ("user", "b"), status=500),
        call(1, ("user", "b")),  # nobody had answered
        call(2, ("user", "b"), scope="other"),  # another scope's
        call(3),  # without a body
        call(4, ("user", "b"), decision=Decision(answered_by="modicum/x", reason="answered")),  # not a provider's
    ]
    store(tmp_path, asked, compacted=compacted)
    with looked_at(tmp_path, workloads={}) as look:
        assert look is not None
        assert look.repeated() == {None: 2}
        (all_of_it,) = look.lengths()
        assert (all_of_it.calls, all_of_it.with_body) == (8, 7)
    with looked_at(tmp_path, workloads={}, since=START + timedelta(hours=1)) as look:
        assert look is not None
        assert look.repeated() == {None: 2}, "what was asked before the period counts"
    with looked_at(tmp_path, workloads={}, until=START + timedelta(hours=49)) as look:
        assert look is not None
        assert look.repeated() == {None: 1}


def test_what_was_sent_before(tmp_path: Path) -> None:
    one = [("system", "SSSS"), ("user", "uu")]
    two = [*one, ("assistant", "aaa"), ("user", "v")]
    other = [("system", "SSSS"), ("user", "xyz")]
    calls = [
        call(0, *one),
        call(1, *two),  # 6 of 10 had been sent; no name is needed
        call(2, ("user", "zz"), ("assistant", "q"), ("user", "w")),  # an example, never a request: 0 of 4
        call(3, *one, conversation_id="c"),
        call(4, *other, conversation_id="c"),  # the system's text alone: 4 of 7
        call(5, *other, conversation_id="c"),  # all of it: 7 of 7
        call(6, *other, conversation_id="d"),  # alone in its conversation: 0 of 7
    ]
    store(tmp_path, calls)
    with looked_at(tmp_path, workloads={}) as look:
        assert look is not None
        assert look.resent() == {None: (6 + 10 + 4 + 6 + 7 + 7 + 7, 6 + 4 + 7)}
        seen, rows = look.runs()
        assert (seen, [row.calls for _, row in rows]) == (1, [3])
        (run,) = look.dearest([], 5)
        assert (run.conversation_id, run.chars, run.resent_chars) == ("c", 20, 11)
        # 100 tokens a call: 0 of 6 characters, 4 of 7, 7 of 7; the calls of no conversation count on neither side
        sent, again = look.resent_in_runs()
        assert sent == 300 and again == pytest.approx(100 * (0 + 4 / 7 + 1))
        assert [(row.calls, row.input_tokens, row.request_model) for row in run.usage] == [(3, 300, "big")]


def test_the_dearest_conversations_by_price_and_by_what_was_written_down(tmp_path: Path) -> None:
    calls = [
        *(call(n, ("user", "x"), conversation_id="many", usage=Usage(input_tokens=10, output_tokens=0)) for n in range(3)),
        *(call(n, ("user", "x"), conversation_id="long", usage=Usage(input_tokens=900, output_tokens=0)) for n in range(2)),
        *(call(n, ("user", "x"), trace_id="agent", request_model="odd", response_model="odd", cost_usd=2) for n in range(2)),
    ]
    store(tmp_path, calls)
    with looked_at(tmp_path, workloads={}) as look:
        assert look is not None
        _, rows = look.runs()
        rates = [(kind, 0.001, 0.001) for kind, row in rows if row.request_model == "big"]
        assert [run.conversation_id for run in look.dearest(rates, 9)] == ["agent", "long", "many"]
        assert [run.conversation_id for run in look.dearest(rates, 1)] == ["agent"]


def test_workloads_versions_hours_and_kinds(tmp_path: Path) -> None:
    calls = [call(60 * hour, ("system", "SS"), ("user", "u" * hour)) for hour in range(4)]
    calls += [dataclasses.replace(call(1, ("user", "n")), streamed=True, usage=Usage(input_tokens=5, output_tokens=1, estimated=True))]
    home = store(tmp_path, calls)
    home.assign([(one.call_id, "w", "v1" if number < 3 else "") for number, one in enumerate(calls[:4])])
    with looked_at(tmp_path, workloads={"w": ("v1", "v2")}) as look:
        assert look is not None
        found = {(one.workload_id, one.version_id): one for one in look.lengths()}
        assert set(found) == {("w", "v1"), ("w", None), (None, None)}
        assert (found["w", "v1"].calls, found["w", "v1"].chars, found["w", "v1"].head_chars) == (3, 2 * 3 + 0 + 1 + 2, 6)
        rest = found[None, None]
        assert (rest.streamed, rest.estimated, rest.tools, rest.media) == (1, 1, 0, 0)
        hours, busiest = look.hours()["w"]
        assert (hours[8:14], sum(hours), busiest) == ((0, 1, 1, 1, 1, 0), 4, 1)
    with looked_at(tmp_path, workloads={}) as look:
        assert look is not None
        assert look.hours()[None][1] == 2
        assert {one.workload_id for one in look.lengths()} == {None}


def test_bodies_past_their_time_leave_their_marks(tmp_path: Path) -> None:
    home = store(tmp_path, [call(n, ("user", "a")) for n in range(3)])
    assert home.expire_bodies(0) == 3
    with looked_at(tmp_path, workloads={}) as look:
        assert look is not None
        assert look.repeated() == {None: 2}


def test_an_empty_home(tmp_path: Path) -> None:
    Calls(tmp_path)
    with looked_at(tmp_path, workloads={}) as look:
        assert look is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3_000_000) | st.integers(0, 50), min_size=1, max_size=60))
def test_quantiles_are_exact_to_three_digits(tmp_path_factory: pytest.TempPathFactory, tokens: list[int]) -> None:
    home = tmp_path_factory.mktemp("home")
    store(home, [call(n, usage=Usage(input_tokens=count, output_tokens=1)) for n, count in enumerate(tokens)], compacted=False)
    with looked_at(home, workloads={}) as look:
        assert look is not None
        found = look.quantiles("input_tokens")[None]
    ordered = sorted(tokens)
    for share, value in zip((0.5, 0.95), found, strict=True):
        exact = ordered[-(-len(ordered) * round(share * 100) // 100) - 1]
        assert abs(value - exact) <= 0.00501 * exact, (share, ordered)
