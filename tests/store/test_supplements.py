"""Two logs that tell of one call: one call in the end, whichever came first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from modicum.store import identity
from modicum.store.calls import Added, Calls, Met
from modicum.store.meeting import together
from modicum.types import Call, Usage

START = datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC)


def told(number: int, form: str, name: str, *also: str, near: tuple[str, ...] = (), late: float = 0.0, **rest: object) -> Met:
    started_at = START + timedelta(minutes=number, seconds=late)
    who = identity.of_response("default", name)
    call = Call(call_id=identity.call_id(started_at, who), started_at=started_at, source=form, **rest)  # type: ignore[arg-type]
    keys = tuple(identity.name("default", one) for one in also)
    return Met(call=call, form=form, also=keys, near=tuple(identity.name("default", one) for one in near))


def usage(number: int) -> Met:
    return told(
        number, "litellm", f"chatcmpl-{number}", f"call-{number}", usage=Usage(input_tokens=10, output_tokens=2), cost_usd=Decimal("0.001")
    )


def bodies(number: int) -> Met:
    return told(
        number,
        "langfuse",
        f"observation {number}",
        f"chatcmpl-{number}",
        late=1.5,
        request=b'{"messages":[]}',
        response=b'{"choices":[]}',
        tags=("a",),
        usage=Usage(input_tokens=99, output_tokens=2),
    )


def bring(home: Path, *calls: Met) -> Added:
    store = Calls(home)
    with store.supplements() as waiting:
        added = store.add(calls, supplements=waiting)
        assert waiting.join() == added.joined
    return added


def test_a_complete_log_and_one_with_bodies_are_one_log(tmp_path: Path) -> None:
    for first, second in ((usage, bodies), (bodies, usage)):
        home = tmp_path / first.__name__
        assert bring(home, *map(first, range(20))) == Added(20)
        assert bring(home, *map(second, range(0, 20, 2)), second(20)) == Added(1, joined=10)
        calls = list(Calls(home).scan())
        assert len(calls) == 21
        both = [call for call in calls if call.request is not None and call.cost_usd is not None]
        assert len(both) == 10
        assert {call.source for call in both} == {"langfuse+litellm"}
        assert all(call.tags == ("a",) and call.response == b'{"choices":[]}' for call in both)
        # Each log again: nothing changes.
        assert bring(home, *map(first, range(20))) == Added(0, 20)
        assert bring(home, *map(second, range(0, 20, 2)), second(20)) == Added(0, 11)
        assert list(Calls(home).scan()) == calls
        seen = {row.seen: 0 for row in Calls(home).usage()}
        for row in Calls(home).usage():
            seen[row.seen] += row.calls
        assert seen == ({True: 11, False: 10} if first is usage else {True: 20, False: 1})


def test_records_of_one_log_are_never_one_call_by_another_name(tmp_path: Path) -> None:
    # What a cache answered bears the first answer's id; two steps of a trace begin in one millisecond.
    one, two = (told(0, "langfuse", f"o{number}", "chatcmpl-x", near=("trace t at 1",)) for number in (1, 2))
    assert bring(tmp_path, one, two) == Added(2)
    assert bring(tmp_path, told(0, "litellm", "chatcmpl-x", cost_usd=Decimal(1))) == Added(0, joined=1)
    assert bring(tmp_path, told(0, "langfuse", "o3", "chatcmpl-x")) == Added(1)


def test_a_trace_and_a_moment_meet(tmp_path: Path) -> None:
    assert bring(tmp_path, told(0, "columns", "row 1", "trace t at 1000", cost_usd=Decimal(1))) == Added(1)
    second = told(0, "otlp", "span 1", "trace t at 1001", near=("trace t at 1000", "trace t at 1002"), request=b"{}")
    assert bring(tmp_path, second) == Added(0, joined=1)
    (call,) = Calls(tmp_path).scan()
    assert (call.request, call.cost_usd) == (b"{}", Decimal(1))


def test_in_one_batch_too(tmp_path: Path) -> None:
    assert bring(tmp_path, usage(1), bodies(1), bodies(2), usage(2)) == Added(2, joined=2)
    assert all(call.request and call.cost_usd for call in Calls(tmp_path).scan())


def test_what_was_erased_stays_erased_under_every_name(tmp_path: Path) -> None:
    bring(tmp_path, usage(1))
    assert Calls(tmp_path).erase(call_id=usage(1).call.call_id) == 1
    assert bring(tmp_path, bodies(1)) == Added(0, erased=1)


def test_without_a_place_for_supplements_nothing_changes(tmp_path: Path) -> None:
    bring(tmp_path, usage(1))
    assert Calls(tmp_path).add([bodies(1)]) == Added(0, 1)
    # Nothing was remembered of it: the log itself still brings its bodies.
    assert bring(tmp_path, bodies(1)) == Added(0, joined=1)


def test_together() -> None:
    left = replace(usage(1).call, usage=Usage(input_tokens=10, output_tokens=2, estimated=True), status=200)
    right = replace(bodies(1).call, usage=Usage(input_tokens=11, output_tokens=2, cache_read_tokens=4), status=429, error="rate_limit")
    both = together(left, right)
    assert both.usage == right.usage  # measured before estimated
    assert (both.status, both.error, both.call_id) == (429, "rate_limit", left.call_id)
    known = replace(left, usage=Usage(input_tokens=11, output_tokens=2))
    assert together(known, right).usage == Usage(input_tokens=11, output_tokens=2, cache_read_tokens=4)
    asked = replace(left, request=b"q", endpoint="messages")
    assert together(asked, right).request == right.request  # what was asked and what was answered come from one record
    assert together(asked, replace(right, request=None)).response is None  # another dialect's
    assert together(asked, replace(right, request=None, response=b"a", endpoint="messages")).response == b"a"
